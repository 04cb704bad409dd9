"""`hookswitch simulate` as tests use it."""

import http.client
import json
import re
import signal
import subprocess
import threading
from pathlib import Path

from deliveries import SECRET
from rawhttp import PATIENCE
from support import BINARY, HERE, run, toml

SCENARIOS = HERE.parents[1] / "config" / "scenarios"
NUMBERS = {"caller": "+31612345678", "called": "+31850835037"}


def scenario(directory, name="played", *, steps=(), expect=None, **members):
    """A scenario file; returns its path."""
    members = {**({} if members.get("direction") == "web" else NUMBERS), **members}
    text = "".join(f"{key} = {toml(value)}\n" for key, value in members.items() if value is not None)
    text += f"step = {toml(list(steps))}\n"
    if expect is not None:
        text += f"expect = {toml(expect)}\n"
    path = Path(directory) / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def tools(*names, **of_all):
    """A step in which the model uses tools; each a name or a whole table."""
    return {"tools": [{"name": n, **of_all} if isinstance(n, str) else {**n, **of_all} for n in names]}


class Outcome:
    """What simulate said and how it ended."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()
        self.json = json.loads(self.out) if self.out.startswith("{") else None

    def __getitem__(self, key):
        return self.json[key]

    def __str__(self):
        return f"exit status {self.status}\n{self.out}\n{self.err}"


def simulate(directory, to, *scenarios, options=(), secret=SECRET, as_json=True, timeout=PATIENCE * 4):
    """Plays scenarios (files or names) at a URL, to the end."""
    file = Path(directory) / "simulate-secret"
    file.write_text(secret)
    file.chmod(0o600)
    chosen = [word for each in scenarios for word in ("--scenario", each)]
    return Outcome(
        run("simulate", "--to", to, "--secret-file", file, "--scenarios", SCENARIOS, *chosen,
            *(["--json"] if as_json else []), *options, timeout=timeout))


class Platform:
    """`simulate --listen`: REST API and calls. Context manager; outcome() waits for its end."""

    KEY = "fl_test_of_the_simulation"

    def __init__(self, directory, to, *scenarios, options=()):
        files = {"rest-key": self.KEY, "simulate-secret": SECRET}
        for name, text in files.items():
            (Path(directory) / name).write_text(text)
            (Path(directory) / name).chmod(0o600)
        chosen = [word for each in scenarios for word in ("--scenario", str(each))]
        self._command = [
            BINARY, "simulate", "--listen", "127.0.0.1:0", "--api-key-file", str(Path(directory) / "rest-key"),
            "--to", to, "--secret-file", str(Path(directory) / "simulate-secret"), "--scenarios", str(SCENARIOS),
            "--rate-limits", "off", "--json", *chosen, *map(str, options)]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE)
        said = []
        for line in self._process.stderr:
            said.append(line.decode())
            if found := re.search(r"listening on http://(\S+)", said[-1]):
                self.address = found[1]
                break
        else:
            self._process.wait()
            raise AssertionError("simulate does not listen:\n" + "".join(said))
        self._stderr = []
        self._reader = threading.Thread(target=lambda: self._stderr.extend(self._process.stderr), daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE)
        self._process.stdout.close()
        self._process.stderr.close()

    def ask(self, method, path, body=None):
        """Status and body of one request to the REST API."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None,
                               {"Authorization": f"Bearer {self.KEY}", "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def control(self, call, **command):
        return self.ask("POST", f"/calls/{call}/control", command)

    def outcome(self, interrupt=False):
        if interrupt:
            self._process.send_signal(signal.SIGINT)
        out = self._process.stdout.read()  # standard error has its reader already
        self._process.wait(PATIENCE * 2)
        self._reader.join(PATIENCE)
        return Outcome(subprocess.CompletedProcess([], self._process.returncode, out, b"".join(self._stderr)))


def recorded(file):
    return [json.loads(line) for line in Path(file).read_text().splitlines()]
