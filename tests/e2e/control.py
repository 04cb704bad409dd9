"""The test's end of the line to its puppet workers (workers/link.py is the other)."""

import itertools
import json
import os
import queue
import shutil
import signal
import socket
import tempfile
import threading

from rawhttp import PATIENCE

_tokens = itertools.count(1)


class Control:
    """Listens for workers. Context manager; make it before the Daemon, end it after."""

    def __init__(self):
        self._directory = tempfile.mkdtemp(prefix="hs-control-")
        self.path = os.path.join(self._directory, "control.sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        self._workers = queue.Queue()
        self._events = queue.Queue()
        self._set_back = []
        self._sockets = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # A plain close would leave the blocked accept where it is.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            each.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(accepted)
            threading.Thread(target=self._serve, args=[accepted], daemon=True).start()

    def _serve(self, accepted):
        worker = None
        try:
            for line in accepted.makefile("rb"):
                record = json.loads(line)
                if worker is None:
                    worker = Puppet(accepted, record)
                    self._workers.put(worker)
                elif "line" in record:
                    self._events.put(Event(worker, record["line"]))
                elif "done" in record:
                    worker._done.put(record["done"])
                elif "end_of_input" in record:
                    worker.input_ended.set()
        except OSError:
            pass
        if worker:
            worker.gone.set()

    def worker(self, timeout=PATIENCE):
        """The next worker process that has started."""
        try:
            return self._workers.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no (other) worker started in {timeout} s") from None

    def event(self, timeout=PATIENCE):
        """The next event that any worker was given."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no (other) event reached a worker in {timeout} s") from None

    def idle(self):
        """No event waits to be looked at. Proves something only after a later event was seen."""
        return self._events.empty()


class Puppet:
    """One worker process."""

    def __init__(self, accepted, hello):
        self._socket = accepted
        self._done = queue.Queue()
        self.pid = hello["pid"]
        self.arguments = hello["arguments"]
        self.environment = hello["environment"]
        self.directory = hello["directory"]
        self.descriptors = hello["descriptors"]
        self.gone = threading.Event()
        self.input_ended = threading.Event()

    def order(self, wait=False, **what):
        token = next(_tokens) if wait else None
        record = {**what, "token": token} if wait else what
        try:
            self._socket.sendall(json.dumps(record).encode() + b"\n")
        except OSError as error:
            raise AssertionError(f"worker {self.pid} is gone: {error}") from None
        if wait and self._done.get(timeout=PATIENCE) != token:
            raise AssertionError("orders of a puppet were mixed up")

    def write(self, text):
        """Text on its standard output, exactly; returns when it is written."""
        self.order(wait=True, write=text)

    def say(self, record):
        self.write(json.dumps(record) + "\n")

    def exit(self, code=0):
        self.order(exit=code)

    def crash(self):
        self.order(signal=int(signal.SIGKILL))

    def flood(self, chunk, repeat=1000, to="stdout"):
        self.order(flood={"chunk": chunk, "repeat": repeat, "to": to})

    def wait_gone(self, timeout=PATIENCE):
        if not self.gone.wait(timeout):
            raise AssertionError(f"worker {self.pid} is still there after {timeout} s")


class Event(dict):
    """An event as a worker got it: the normalised form, and the worker that has it."""

    def __init__(self, worker, line):
        super().__init__(json.loads(line))
        self.worker = worker
        self.line = line

    def answer(self, reply, **more):
        self.worker.say({"id": self["id"], "reply": reply, **more})

    def result(self, value):
        self.answer({"result": value})

    def fail(self, message, **more):
        self.worker.say({"id": self["id"], "error": {"message": message, **more}})

    @property
    def tool(self):
        return self["tool_call"]["name"]
