"""The daemon under test and its configuration.

HOOKSWITCH names the binary. Every Daemon has its own temporary directory and listens on a port the kernel
chose and on a Unix socket, so files and tests can run side by side.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from deliveries import SECRET
from rawhttp import PATIENCE

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
WORKERS = HERE / "workers"
BINARY = os.environ.get("HOOKSWITCH", str(HERE.parents[1] / "build" / "dev" / "hookswitch"))

_SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def fixture(name):
    return (FIXTURES / name).read_bytes()


def fixture_index():
    return json.loads(fixture("index.json"))


# ---- configuration ---------------------------------------------------------------------------------------


def toml(value):
    """One value as TOML. Tables are written inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _section(title, entries):
    return title + "\n" + "".join(f"{_key(k)} = {toml(v)}\n" for k, v in entries.items()) + "\n"


API_KEY = "fl_test_4c1f"  # of [platform]

DURABLE = {"sync": "full"}  # [journal] of a test that is about the journal; the others do without one


def config(*, server=None, admin=None, log=None, journal=None, platform=None, sources=None, handlers=(), routes=()):
    """A whole configuration file; each argument adds to or replaces what every test wants."""
    text = _section(
        "[server]", {"listen": ["127.0.0.1:0", "unix:hook.sock"], "threads": 2, **(server or {})}
    )
    if admin is not None:
        text += _section("[admin]", {"listen": "127.0.0.1:0", **admin})
    text += _section("[log]", {"level": "debug", "format": "json", **(log or {})})
    text += _section("[journal]", {"sync": "off", **(journal or {})})
    if platform is not None:
        text += _section("[platform]", {"api_key_file": "api-key", **platform})
    for entry in sources or [source()]:
        text += _section("[[source]]", entry)
    for entry in handlers:
        text += _section("[[handler]]", {k: v for k, v in entry.items() if k != "case"})
        for case in entry.get("case", ()):
            text += _section("[[handler.case]]", case)
    for entry in routes:
        text += _section("[[route]]", entry)
    return text


def source(name="main", path="/webhook", **more):
    return {"name": name, "path": path, "provider": "flireo", "secret_files": ["secret"], **more}


def route(event, handler, **more):
    return {"event": event, "handler": handler, **more}


def reply(name, answer, **more):
    return {"name": name, "type": "reply", "reply": answer, **more}


def worker(name, script, *arguments, control=None, **more):
    """A handler whose process is tests/e2e/workers/<script>."""
    command = [sys.executable, "-S", "-E", str(WORKERS / script), *arguments]
    environment = more.pop("environment", {})
    if control:
        environment = {**environment, "HOOKSWITCH_TEST_CONTROL": control.path}
    return {"name": name, "type": "worker", "command": command, "environment": environment, **more}


def await_that(condition, what, timeout=PATIENCE):
    """Looks at what has no event of its own (a file, another process) until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {timeout} s: {what() if callable(what) else what}")
        time.sleep(0.005)


# ---- the daemon ------------------------------------------------------------------------------------------


def run(*arguments, stdin=b"", timeout=PATIENCE * 2, cwd=None):
    """One command of the binary, to its end."""
    done = subprocess.run([BINARY, *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout, cwd=cwd)
    if _SANITIZER.search(done.stderr.decode(errors="replace")):
        raise AssertionError(f"sanitizer report of {arguments}:\n{done.stderr.decode(errors='replace')}")
    return done


class Daemon:
    """`hookswitch serve` with a configuration; a context manager that drains it at the end and checks how it went."""

    def __init__(self, text, *, files=None, env=None, launcher=(), pass_fds=()):
        self.directory = Path(tempfile.mkdtemp(prefix="hs-"))
        self.write("secret", SECRET)
        self.write("api-key", API_KEY)
        for name, content in (files or {}).items():
            self.write(name, content)
        self.write("hookswitch.toml", text)
        self.env = {**os.environ, **(env or {})}
        self.launcher = list(launcher)
        self.pass_fds = pass_fds
        self.unix = f"unix:{self.directory}/hook.sock"
        self.tcp = None
        self.admin = None
        self.process = None
        self._log = []
        self._noise = []
        self._ended = False
        self._changed = threading.Condition()

    def write(self, name, content):
        path = self.directory / name
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(content if isinstance(content, bytes) else content.encode())
        fresh.replace(path)
        return path

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if self.process.poll() is None and kind is None:
                self.stop()
            elif kind is None and not self._stopped:
                raise AssertionError(f"the daemon ended by itself with {self.process.returncode}:\n{self.tail()}")
        finally:
            self.kill()

    def launch(self):
        """Starts the process without waiting for it to be ready."""
        if self.process is not None:
            self._bury()
        self._stopped = self._ended = False
        self.process = subprocess.Popen(
            [*self.launcher, BINARY, "serve", "-c", str(self.directory / "hookswitch.toml")],
            cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=self.env, pass_fds=self.pass_fds)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def start(self):
        mark = self.mark()
        self.launch()
        self.wait_for("server.ready", after=mark)
        for record in self.records("server.listening", after=mark):
            if not record["address"].startswith(("unix:", "/")):
                self.tcp = record["address"]
        for record in self.records("admin.listening", after=mark):
            self.admin = record["address"]

    def crash(self):
        """SIGKILL. start() goes on with what is in the directory."""
        self.process.kill()
        self.process.wait()
        self._stopped = True
        self._reader.join(PATIENCE)
        with self._changed:
            noise = "\n".join(self._noise)
            self._noise.clear()  # the last line may be cut off
        if _SANITIZER.search(noise):
            raise AssertionError(f"sanitizer report in the log:\n{noise}")

    def restart(self):
        """An orderly stop, and a start with what is in the directory."""
        self.stop()
        self.start()

    def _bury(self):
        self._reader.join(PATIENCE)
        self.process.stderr.close()

    def _read_log(self):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip("\n")
            try:
                record = json.loads(line)
                known = isinstance(record, dict) and {"time", "level", "event"} <= set(record)
            except ValueError:
                known = False
            with self._changed:
                self._log.append(record) if known else self._noise.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def mark(self):
        """A place in the log; give it to wait_for or records to look only at what came later."""
        with self._changed:
            return len(self._log)

    def records(self, event=None, after=0, **fields):
        with self._changed:
            return [r for r in self._log[after:] if _matches(r, event, fields)]

    def wait_for(self, event, after=0, count=1, timeout=PATIENCE, **fields):
        """The first (`count`th) record of this event whose fields equal, or are matched by the pattern, given."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = [r for r in self._log[after:] if _matches(r, event, fields)]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if self._ended or left <= 0 or not self._changed.wait(left):
                    if self._ended or deadline <= time.monotonic():
                        why = "the daemon has ended" if self._ended else f"not in {timeout} s"
                        raise AssertionError(f"no {event} {fields} in the log ({why}):\n{self._tail()}")

    def tail(self, lines=40):
        with self._changed:
            return self._tail(lines)

    def _tail(self, lines=40):
        return "\n".join([*(json.dumps(r, ensure_ascii=False) for r in self._log[-lines:]), *self._noise[-2 * lines :]])

    def text(self):
        """The whole log as one string, to search for what must not be in it."""
        with self._changed:
            return "\n".join([*(json.dumps(r, ensure_ascii=False) for r in self._log), *self._noise])

    def reload(self, text=None):
        """SIGHUP, after writing a new configuration if given. Returns the record that tells how it went."""
        if text is not None:
            self.write("hookswitch.toml", text)
        mark = self.mark()
        self.process.send_signal(signal.SIGHUP)
        return self.wait_for(("reload.done", "reload.failed"), after=mark)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def expect_exit(self, code=0, timeout=PATIENCE):
        """Waits for the end of the process and reads its log to the end."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon does not end in {timeout} s:\n{self.tail()}") from None
        self._stopped = True
        self._reader.join(PATIENCE)
        self.check_log(only_records=code == 0)
        if self.process.returncode != code:
            raise AssertionError(f"exit code {self.process.returncode} instead of {code}:\n{self.tail()}")

    def stop(self, timeout=PATIENCE):
        self.terminate()
        self.expect_exit(0, timeout)

    def check_log(self, only_records=True):
        """Each line is one record: no sanitizer report, no text of a stranger that starts a line of its own.

        A daemon that refuses to start says so in plain text; then only the first half holds.
        """
        with self._changed:
            noise = "\n".join(self._noise)
        if noise and (only_records or _SANITIZER.search(noise)):
            what = "sanitizer report" if _SANITIZER.search(noise) else "lines that are no log records"
            raise AssertionError(f"{what} in the log:\n{noise}")

    def kill(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._bury()
        shutil.rmtree(self.directory, ignore_errors=True)


def _matches(record, event, fields):
    if event is not None and record["event"] not in ((event,) if isinstance(event, str) else event):
        return False
    for name, wanted in fields.items():
        if name not in record:
            return False
        if isinstance(wanted, re.Pattern):
            if not wanted.search(str(record[name])):
                return False
        elif str(record[name]) != str(wanted):
            return False
    return True
