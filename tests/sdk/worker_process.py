"""A real worker process with the daemon's end of its pipes, and events to send down them."""

import itertools
import json
import os
import pathlib
import queue
import subprocess
import threading

HANDLERS = pathlib.Path(__file__).resolve().parents[2] / "handlers"
PATIENCE = 20  # seconds until a test gives up on a worker that says nothing
CALL = "5c4d030f-43e3-4e65-899e-8148521e660f"

_numbers = itertools.count(1)


def event(event_type, **fields):
    """A normalised event with every key, as the daemon sends it."""
    return {
        "id": f"01J{next(_numbers):05}", "type": event_type, "source": "main", "dialect": "camel",
        "sent_at": "2025-12-13T12:00:00.000Z", "received_at": "2025-12-13T12:00:00.250Z",
        "attempt": 1, "deadline_ms": 7980,
        "call": {"id": CALL, "direction": "inbound", "status": "in-progress", "pipeline": None},
        "caller": "+31612345678", "called": "+31850835037", "called_name": "Flireo Demo",
        "tool_call": None, "report": None, "error": None, "metadata": {}, "assistant": {}, **fields,
    }  # fmt: skip


def tool_call(name, arguments=None, **fields):
    call = {"id": f"tool_{next(_numbers):04}", "name": name, "arguments": arguments or {}}
    return event("tool-calls", tool_call=call, **fields)


class WorkerProcess:
    def __init__(self, command, directory=None, environment=None):
        self.process = subprocess.Popen(
            command, cwd=directory, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._lines, self._log = queue.Queue(), queue.Queue()
        self._readers = [
            threading.Thread(target=self._pump, args=pipe, daemon=True)
            for pipe in ((self.process.stdout, self._lines), (self.process.stderr, self._log))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _pump(pipe, lines):
        for line in pipe:
            lines.put(line)
        lines.put(None)

    def send_bytes(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, *frames):
        """In one write, so that the worker reads them together."""
        self.send_bytes(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))

    def receive(self):
        """The next frame, or None once the worker has closed its output."""
        line = self._lines.get(timeout=PATIENCE)
        return None if line is None else json.loads(line.decode("utf-8"), parse_constant=self._refuse)

    @staticmethod
    def _refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    def ask(self, frame):
        self.send(frame)
        answer = self.receive()
        assert answer["id"] == frame["id"], answer
        return answer

    def log_line(self, containing):
        """Waits for a line on standard error, and returns it."""
        seen = []
        while True:
            try:
                line = self._log.get(timeout=PATIENCE)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no {containing!r} in the log: {seen}")
            seen.append(line.decode())
            if containing in seen[-1]:
                return seen[-1]

    def log(self):
        """What a worker that has ended wrote to standard error, as far as it was not read yet."""
        return b"".join(iter(self._log.get, None)).decode()

    def terminate(self):
        self.process.terminate()

    def close_input(self):
        self.process.stdin.close()

    def finish(self):
        """Exit status, and everything that the worker still said, once it has ended."""
        status = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        rest = []
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            rest.append(json.loads(line))
        return status, rest

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
