"""`hookswitch doctor`: each fault is found and told with what to do, and nothing of the running daemon is disturbed."""

import http.client
import http.server
import json
import os
import re
import socket
import tempfile
import threading
import unittest
from contextlib import closing
from pathlib import Path
from unittest import mock

from admin import await_metric, scrape
from deliveries import SECRET, post, tool_calls
from local_platform import LocalPlatform
from support import DURABLE, Daemon, config, reply, route, run, worker

SERVICE = {
    "LoadState": "loaded", "ActiveState": "active", "Type": "notify", "KillMode": "mixed", "LimitCORE": "0",
    "LimitNOFILE": "16384", "WatchdogUSec": "10s", "Restart": "on-failure", "TimeoutStopUSec": "30s",
    "UnitFileState": "enabled", "NeedDaemonReload": "no", "MainPID": "1", "User": "nobody",
}
SOCKET = {"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "disabled"}
HANDSHAKE = 'import os, sys; print(\'{"hookswitch":1}\', flush=True); sys.stdin.read()'


class DoctorTest(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))
        self.tools = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))
        path = f"{self.tools}:{os.environ['PATH']}"
        self.enterContext(mock.patch.dict(os.environ, {"PATH": path}))
        self.units()
        self.write("secret", SECRET)
        self.write("api-key", "fl_test_4c1f")

    def write(self, name, content, mode=0o600):
        path = self.directory / name
        path.write_text(content)
        path.chmod(mode)
        return path

    def units(self, **units):
        """What systemctl knows."""
        for name, properties in {"hookswitch.service": {}, "hookswitch.socket": {}, **units}.items():
            (self.tools / name).write_text("".join(f"{k}={v}\n" for k, v in properties.items()))
        fake = self.tools / "systemctl"
        fake.write_text(f'#!/bin/sh\ncat "{self.tools}/$3"\n')  # systemctl show --no-pager UNIT
        fake.chmod(0o755)

    def doctor(self, *arguments, file=None, expect=None):
        """Its findings: (status, what, do), by check."""
        done = run("doctor", "--json", "-c", file or self.directory / "hookswitch.toml", *arguments)
        self.assertEqual(done.stderr, b"")
        self.assertNotIn(SECRET.encode(), done.stdout)
        report = json.loads(done.stdout)
        for status in ("ok", "warn", "fail", "skip"):
            self.assertEqual(report[status], sum(f["status"] == status for f in report["findings"]))
        self.assertEqual(done.returncode, 1 if report["fail"] else 0, report)
        found = {}
        for finding in report["findings"]:
            self.assertEqual(finding["status"] in ("warn", "fail"), finding["do"] is not None, finding)
            found.setdefault(finding["check"], []).append((finding["status"], finding["what"], finding["do"]))
        return found

    def configure(self, mode=0o644, **parts):
        parts.setdefault("journal", DURABLE)
        parts.setdefault("handlers", [reply("fixed", {"result": "ok"})])
        parts.setdefault("routes", [route("tool-calls", parts["handlers"][0]["name"])])
        self.write("hookswitch.toml", config(**parts), mode)

    def assertFound(self, found, check, status, pattern):
        matching = [f for f in found.get(check, ()) if f[0] == status and re.search(pattern, f[1])]
        self.assertTrue(matching, f"no {status} {pattern!r} of {check} in {json.dumps(found, indent=1)}")
        return matching[0]


class Healthy(DoctorTest):
    def test_a_daemon_at_work_is_found_well_and_left_alone(self):
        platform = self.enterContext(LocalPlatform(key="fl_test_4c1f"))
        text = config(
            admin={}, journal=DURABLE, platform={"base_url": platform.base_url},
            handlers=[worker("desk", "echo.py"), reply("fixed", {"result": "ok"})],
            routes=[route("tool-calls", "fixed"), route("assistant-request", "desk")])
        daemon = self.enterContext(Daemon(text))
        daemon.directory.chmod(0o755)
        for name in ("secret", "api-key"):
            (daemon.directory / name).chmod(0o600)
        # Where the kernel chose the ports, the file has to say which.
        said = text.replace("127.0.0.1:0", daemon.tcp, 1).replace("127.0.0.1:0", daemon.admin, 1)
        daemon.write("said.toml", said)
        before = await_metric(daemon, "workers_up", 1, handler="desk").text
        found = self.doctor("--url", f"http://{daemon.tcp}/webhook", file=daemon.directory / "said.toml")
        for check in ("configuration", "secrets", "disk", "listen", "daemon", "platform", "handlers"):
            self.assertEqual({f[0] for f in found[check]} - {"ok"}, set(), found[check])
        self.assertFound(found, "clock", "ok", "agrees with the platform's")
        self.assertFound(found, "disk", "ok", r"fdatasync takes [0-9.]+ ms")
        self.assertFound(found, "listen", "ok", "taken, by the running daemon")
        self.assertFound(found, "handlers", "ok", r"^desk: starts, \d+ ms to its handshake")
        self.assertFound(found, "proxy", "warn", "anybody can send is believed.* 192.0.2.77")
        after = scrape(daemon)
        for name in ("workers_up", "worker_restarts_total", "journal_events_total"):
            self.assertEqual([l for l in before.splitlines() if l.startswith("hookswitch_" + name)],
                             [l for l in after.text.splitlines() if l.startswith("hookswitch_" + name)])
        self.assertEqual(post(daemon.tcp, tool_calls("any")).status, 200)
        self.assertEqual(daemon.records("event.accepted", type="unknown"), [])
        self.assertEqual(sorted(p.name for p in daemon.directory.iterdir() if "doctor" in p.name), [])

    def test_for_people(self):
        self.configure()
        done = run("doctor", "-c", self.directory / "hookswitch.toml")
        lines = done.stdout.decode().splitlines()
        self.assertRegex(lines[0], r"^ok    configuration  .*: 1 source\(s\), 1 handler\(s\), 1 route\(s\)$")
        self.assertRegex(lines[-1], r"^\d+ ok, \d+ to look at, 0 failed$")
        self.assertEqual(done.returncode, 0)


class Faults(DoctorTest):
    def test_a_configuration_with_mistakes(self):
        self.write("hookswitch.toml", "[server]\nlisten = 7\nthredas = 4\n")
        found = self.doctor()
        self.assertFound(found, "configuration", "fail", r"hookswitch\.toml:2:10: server\.listen")
        self.assertFound(found, "configuration", "fail", "did you mean 'threads'")
        self.assertFound(found, "rest", "skip", "without mistakes")
        self.assertEqual(self.doctor(file=self.directory / "none.toml")["configuration"][0][0], "fail")

    def test_files_that_others_can_read_or_change(self):
        self.write("secret", SECRET, 0o644)
        self.configure(mode=0o666)
        found = self.doctor()
        self.assertFound(found, "secrets", "fail", r"/secret \(.* 0644\): every user of this machine can read")
        self.assertFound(found, "secrets", "fail", r"hookswitch\.toml .*: every user can change it")

    def test_addresses_that_are_taken_or_not_there(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            self.configure(server={"listen": [f"127.0.0.1:{port}", "192.0.2.1:8080", "unix:/nonexistent/x.sock"]})
            found = self.doctor()
        self.assertFound(found, "listen", "fail", f"127.0.0.1:{port}: taken by another program")
        self.assertFound(found, "listen", "fail", "192.0.2.1:8080: this machine does not have that address")
        self.assertFound(found, "listen", "warn", "/nonexistent is no directory")

    def test_a_disk_that_is_not_there(self):
        self.configure(journal={"sync": "full", "path": "/nonexistent/hookswitch.db"})
        self.assertFound(self.doctor(), "disk", "fail", "/nonexistent is no directory")
        self.configure(journal={"sync": "off"})
        self.assertFound(self.doctor(), "disk", "warn", "in memory only")
        self.configure(journal={"sync": "full", "path": "/dev/shm/hookswitch.db"})
        self.assertFound(self.doctor(), "disk", "warn", "on tmpfs")

    def test_a_platform_that_does_not_answer_or_know_the_key(self):
        platform = self.enterContext(LocalPlatform(key="another"))
        self.configure(platform={"base_url": platform.base_url})
        self.assertIn("make a new one", self.assertFound(self.doctor(), "platform", "fail", "HTTP 401")[2])
        self.configure(platform={"base_url": "http://127.0.0.1:1/api/v1"})
        found = self.doctor()
        self.assertFound(found, "platform", "warn", "refused")
        self.assertFound(found, "clock", "skip", "does not answer")

    def test_handlers_that_cannot_work(self):
        program = self.write("there", "#!/bin/sh\n", 0o755)
        self.configure(handlers=[
            {"name": "dies", "type": "worker",
             "command": ["python3", "-S", "-c", "import sys; sys.exit('no database for 0612345678')"]},
            {"name": "mute", "type": "worker", "command": ["sleep", "60"], "start_timeout": "300ms"},
            {"name": "works", "type": "worker", "command": ["python3", "-S", "-c", HANDSHAKE], "workers": 3},
            {"name": "gone", "type": "http", "url": "http://127.0.0.1:1/x"},
            {"name": "once", "type": "exec", "command": [str(program)]}])
        found = self.doctor()
        why = self.assertFound(found, "handlers", "fail", "^dies: does not start")[1]
        self.assertIn("no database for 061*****78", why)
        self.assertIn("exited with status 1", why)
        self.assertFound(found, "handlers", "fail", "^mute: does not start")
        self.assertFound(found, "handlers", "ok", "^works: starts")
        self.assertFound(found, "handlers", "fail", "^gone: .*refused")
        self.assertFound(found, "handlers", "ok", "^once: .*/there is there")
        found = self.doctor("--no-start")
        self.assertEqual([f[0] for f in found["handlers"]], ["skip", "skip", "skip", "fail", "ok"])


class Service(DoctorTest):
    def look(self, service=None, socket=None, **parts):
        self.units(**{"hookswitch.service": {**SERVICE, **(service or {})},
                      "hookswitch.socket": {**SOCKET, **(socket or {})}})
        self.configure(**parts)
        return self.doctor("--no-start")["service"]

    def test_as_it_should_be(self):
        self.assertEqual([f[:2] for f in self.look()], [("ok", "hookswitch.service: as it should be")])

    def test_not_installed(self):
        self.configure()
        self.assertEqual(self.doctor()["service"][0][0], "skip")

    def test_settings_that_lose_calls(self):
        found = {"service": self.look({
            "Type": "simple", "KillMode": "control-group", "LimitCORE": "infinity", "LimitNOFILE": "1024",
            "WatchdogUSec": "0", "TimeoutStopUSec": "20s", "Restart": "no", "NeedDaemonReload": "yes"})}
        for status, pattern in (
            ("fail", "Type=simple instead of notify"), ("fail", "ends workers in the middle of calls"),
            ("fail", "core dump"), ("fail", "LimitNOFILE=1024 is too little"), ("warn", "WatchdogSec is not set"),
            ("warn", "TimeoutStopSec=20s leaves no time"), ("fail", "after a crash nobody answers"),
            ("warn", "changed on disk"),
        ):
            self.assertFound(found, "service", status, pattern)
        self.assertFound({"s": self.look({"UnitFileState": "disabled"})}, "s", "warn", "after a reboot")
        self.assertFound({"s": self.look({"ActiveState": "failed", "Result": "exit-code"})}, "s", "fail", "exit-code")
        stopped = self.look({"ActiveState": "inactive", "WatchdogUSec": "0"})
        self.assertEqual([f[:2] for f in stopped], [("warn", "the service is inactive")])
        fine = self.look({"TimeoutStopUSec": "1min 30s", "LimitNOFILE": "infinity", "WatchdogUSec": "1min"})
        self.assertEqual({f[0] for f in fine}, {"ok"}, fine)

    def test_the_socket_and_the_configuration_have_to_agree(self):
        systemd = {"listen": ["systemd"]}
        on = {"ActiveState": "active", "UnitFileState": "enabled"}
        self.assertFound({"s": self.look(server=systemd)}, "s", "fail", "socket is not active")
        self.assertFound({"s": self.look(socket=on, server=systemd)}, "s", "ok", "a restart refuses nobody")
        self.assertFound({"s": self.look(socket=on)}, "s", "fail", "does not have \"systemd\"")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_workers_are_started_as_the_service_s_user(self):
        self.units(**{"hookswitch.service": SERVICE})
        self.configure(handlers=[{
            "name": "desk", "type": "worker", "command": ["python3", "-S", "-c", "import os\nassert os.getuid()\n" +
                                                          HANDSHAKE]}])
        self.assertFound(self.doctor(), "handlers", "ok", "^desk: starts")
        self.units(**{"hookswitch.service": {**SERVICE, "User": "nobody-of-that-name"}})
        self.assertFound(self.doctor(), "handlers", "skip", "user does not exist")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Between the doctor and a daemon; `change` makes other headers and another body of a request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.server.forward(self.path, dict(self.headers), body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def without(headers, name):
    return {key: value for key, value in headers.items() if key != name}


def unchanged(headers, body):
    return headers, body


def sets(headers, body):
    return {**headers, "X-Forwarded-For": "203.0.113.7"}, body


def appends(headers, body):
    return {**headers, "X-Forwarded-For": headers["X-Forwarded-For"] + ", 203.0.113.7"}, body


def drops(headers, body):
    return without(headers, "X-Forwarded-For"), body


def reformats(headers, body):
    return without(headers, "Content-Length"), json.dumps(json.loads(body), indent=1)


class TheWayIn(DoctorTest):
    def proxy(self, forward):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        server.forward = forward
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}/webhook"

    def start(self, **server):
        self.configure()
        self.daemon = self.enterContext(Daemon(config(server=server)))

    def through(self, change):
        """What the doctor says of a proxy that changes requests like this."""

        def forward(path, headers, body):
            headers, body = change(headers, body)
            with closing(http.client.HTTPConnection(self.daemon.tcp)) as connection:
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                return response.status, response.read()

        (finding,) = self.doctor("--url", self.proxy(forward))["proxy"]
        return finding

    def test_proxies(self):
        self.start()
        for change, status, pattern in (
            (sets, "ok", "takes us for 203.0.113.7, through 127.0.0.1"),
            (appends, "ok", "takes us for 203.0.113.7, through 127.0.0.1"),
            (unchanged, "warn", "anybody can send is believed"),
            (drops, "warn", "does not say for whom"),
            (reformats, "fail", "HTTP 401.*signature does not hold on arrival"),
        ):
            with self.subTest(pattern):
                finding = self.through(change)
                self.assertEqual(finding[0], status, finding)
                self.assertRegex(finding[1], pattern)
        self.write("secret", "another")
        self.assertRegex(self.through(sets)[1], "HTTP 401")

    def test_one_that_is_not_trusted(self):
        self.start(trusted_proxies=[])
        status, what, todo = self.through(sets)
        self.assertEqual(status, "warn")
        self.assertIn("127.0.0.1 is not trusted", what)
        self.assertIn("server.trusted_proxies", todo)

    def test_nobody_there_or_somebody_else(self):
        self.configure()
        (finding,) = self.doctor("--url", "http://127.0.0.1:1/webhook")["proxy"]
        self.assertEqual(finding[0], "fail")
        gateway = self.proxy(lambda *_: (502, b"<html>Bad Gateway</html>"))
        (finding,) = self.doctor("--url", gateway)["proxy"]
        self.assertEqual(finding[0], "fail")
        self.assertIn("not Hookswitch's answer", finding[1])

    def test_a_stranger_learns_nothing_from_a_probe(self):
        daemon = self.enterContext(Daemon(config()))
        answer = post(daemon.tcp, b'{"hookswitch_probe":1}', secret="wrong")
        self.assertEqual(answer.status, 401)
        open_source = [{"name": "open", "path": "/webhook", "provider": "flireo", "insecure_no_signature": True}]
        daemon = self.enterContext(Daemon(config(sources=open_source)))
        self.assertEqual(post(daemon.tcp, b'{"hookswitch_probe":1}').status, 400, "no event, as ever")


if __name__ == "__main__":
    unittest.main()
