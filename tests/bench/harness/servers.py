"""The servers that are measured: each is started on core 0 with a configuration of its own and stopped at the end."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from prepare import BENCH, ROOT, search_path

SERVER_CORE, GENERATOR_CORE = "0", "1"
SECRET = "whsec_bench_secret_12345"
PYTHON_KIT = {"PYTHONPATH": str(ROOT / "handlers" / "python")}  # the `environment` of a worker that imports it
_TICKS = os.sysconf("SC_CLK_TCK")
_START_LIMIT_SECONDS = 60  # under callgrind a start takes many seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def process_tree(pid):
    """`pid` and its descendants."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += process_tree(int(child))
    except OSError:
        pass  # gone meanwhile
    return found


def _stat(pid):
    """The fields of /proc/PID/stat after the command name, or None when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None


class Server:
    """A process that listens on `port` of 127.0.0.1; `directory` is its own, for configuration and log."""

    name = "server"

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.secret_file = self.directory / "secret"
        self.secret_file.write_text(SECRET)
        self.process = None
        self.wrapper = []  # put before the command: callgrind
        self.extra_environment = {}

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {**os.environ, "PATH": search_path(), **self.extra_environment}

    def spawn(self):
        with open(self.directory / "log", "ab") as log:
            command = ["taskset", "-c", SERVER_CORE, *self.wrapper, *self.command()]
            self.process = subprocess.Popen([str(part) for part in command],
                                            cwd=self.directory, env=self.environment(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.spawn()
        self._wait_until_it_listens()
        return self

    def _wait_until_it_listens(self):
        give_up = time.monotonic() + _START_LIMIT_SECONDS
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise SystemExit(f"bench: {self.name} does not listen; its log ends with:\n{self.log_tail()}")

    def log_tail(self):
        return (self.directory / "log").read_text(errors="replace")[-2000:]

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def cpu_seconds(self):
        """Of the whole tree, including children that have ended."""
        fields = [_stat(pid) for pid in process_tree(self.process.pid)]
        return sum(sum(map(int, field[11:15])) for field in fields if field) / _TICKS

    def resident_bytes(self):
        """Of the processes that serve: for nginx the worker, not the master."""
        pages = [_stat(pid)[21] for pid in self.serving_pids()]
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")

    def serving_pids(self):
        return [self.process.pid]


class Nginx(Server):
    """Answers a static 200 to everything: what HTTP alone costs on this machine."""

    name = "nginx"

    def command(self):
        (self.directory / "nginx.conf").write_text(f"""
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {self.directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    client_body_temp_path {self.directory}/body;
    client_max_body_size 2m;
    keepalive_requests 1000000000;
    keepalive_timeout 75s;
    default_type application/json;
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        location / {{ return 200 '{{}}'; }}
    }}
}}
""")
        return ["nginx", "-p", self.directory, "-c", self.directory / "nginx.conf"]

    def serving_pids(self):
        return process_tree(self.process.pid)[1:]


class Express(Server):
    """Node Express with a timestamped HMAC over the raw body."""

    name = "express"

    def __init__(self, directory, modules):
        super().__init__(directory)
        link = self.directory / "node_modules"
        if not link.exists():
            link.symlink_to(Path(modules) / "node_modules")

    def environment(self):
        return {**super().environment(), "NODE_ENV": "production"}

    def command(self):
        return ["node", BENCH / "peers" / "express.mjs", self.port, self.secret_file]


class Webhook(Server):
    """Debian's `webhook`: an HMAC of the body, then a process for every request."""

    name = "webhook"

    def command(self):
        signature = {"source": "header", "name": "X-Body-Signature"}
        hook = {
            "id": "webhook",
            "execute-command": "/bin/true",
            # Waits for the command: else it would answer at once and pile up processes without bound.
            "include-command-output-in-response": True,
            "trigger-rule-mismatch-http-response-code": 401,
            "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": SECRET, "parameter": signature}},
        }
        (self.directory / "hooks.json").write_text(json.dumps([hook]))
        return ["webhook", "-hooks", self.directory / "hooks.json", "-ip", "127.0.0.1", "-port", self.port,
                "-urlprefix", ""]


class Hookswitch(Server):
    """The daemon itself; `extra` is appended to its configuration, `server` to its [server], `journal` to its
    [journal]: on disk if given."""

    name = "hookswitch"

    def __init__(self, directory, binary, extra="", level="warn", dedupe_window="10m",
                 journal=None, server="max_connections = 15000"):
        super().__init__(directory)
        self.binary = binary
        (self.directory / "hookswitch.toml").write_text(f"""
[server]
listen = ["127.0.0.1:{self.port}"]
threads = 1
{server}

[log]
level = "{level}"
format = "json"

[journal]
sync = "{"off" if journal is None else "full"}"
dedupe_window = "{dedupe_window}"
{journal or ""}

[[source]]
name = "main"
path = "/webhook"
provider = "flireo"
secret_files = ["secret"]
max_age = "6h"  # a generator signs with the time of its start

[[handler]]
name = "desk"
type = "reply"
reply = {{ result = {{ name = "Jan Jansen", query = "${{tool_call.arguments.query}}" }} }}

[[route]]
event = "tool-calls"
tool = "by_reply"
handler = "desk"
{extra}""")
        for helper in (BENCH / "peers").glob("*_*.*"):  # workers and programs
            shutil.copy(helper, self.directory)

    def command(self):
        return [self.binary, "serve", "-c", self.directory / "hookswitch.toml"]


def worker_handler(name, script, tool, timeout="5s", **settings):
    """Configuration of a Python worker and of the route that leads a tool to it."""
    return handler(name, tool, timeout, type="worker", command=["python3", script], **settings)


def handler(name, tool, timeout="5s", **settings):
    """Configuration of a handler and of the route that leads a tool to it."""
    more = "".join(f"{key} = {_toml(value)}\n" for key, value in settings.items())
    return f"""
[[handler]]
name = "{name}"
{more}
[[route]]
event = "tool-calls"
tool = "{tool}"
handler = "{name}"
timeout = "{timeout}"
fallback = {{ error = "fallback" }}
"""


def _toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
