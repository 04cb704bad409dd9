"""Whole recorded calls played at the daemon again, straight and through nginx: every reply must be the recorded one."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import unittest
from pathlib import Path

from deliveries import SECRET, event_body, tool_calls
from rawhttp import PATIENCE
from support import HERE, Daemon, run

RECORDINGS = HERE.parent / "recordings"
DIALECTS = ("camel", "snake", "legacy")

NGINX = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log notice;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    upstream over_tcp {{ server {tcp}; keepalive 4; }}
    upstream over_unix {{ server {unix}; keepalive 4; }}
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://over_tcp; }} }}
    server {{ listen unix:{directory}/front.sock; location / {{ proxy_pass http://over_unix; }} }}
}}
"""


class Nginx:
    """nginx in front of a daemon: its TCP port leads to the daemon's TCP port, its Unix socket to the Unix socket."""

    def __init__(self, daemon):
        self._daemon = daemon
        self._binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not self._binary:
            raise AssertionError("nginx is not installed: apt install nginx-light")

    def __enter__(self):
        for _ in range(5):  # somebody else may take the port that was free a moment ago
            if self._start():
                return self
        raise AssertionError("nginx does not start:\n" + (self._daemon.directory / "nginx.log").read_text())

    def _start(self):
        directory = self._daemon.directory
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        file = self._daemon.write(
            "nginx.conf",
            NGINX.format(
                directory=directory, tcp=self._daemon.tcp, unix=self._daemon.unix, port=port,
                user="user root;" if os.geteuid() == 0 else "",
            ),
        )
        self._process = subprocess.Popen([self._binary, "-p", directory, "-e", directory / "nginx.log", "-c", file])
        self.tcp = f"http://127.0.0.1:{port}/webhook"
        self.unix = f"unix:{directory}/front.sock:/webhook"
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                return self._process.poll() is None
        self._process.kill()
        self._process.wait()
        return False

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(PATIENCE)


class ReplayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(Daemon((RECORDINGS / "recordings.toml").read_text()))
        cls.secret = cls.daemon.directory / "secret"
        cls.direct = (f"http://{cls.daemon.tcp}/webhook", f"{cls.daemon.unix}:/webhook")

    def replay(self, to, *more, code=0, secret=None):
        done = run("replay", "--to", to, "--secret-file", secret or self.secret, *more)
        self.assertEqual(done.returncode, code, done.stdout.decode() + done.stderr.decode())
        return done

    def file(self, name, *lines):
        return self.daemon.write(name, "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))

    def deliveries(self, dialect):
        return [json.loads(line) for line in (RECORDINGS / f"{dialect}.jsonl").read_text().splitlines()]

    def assert_same(self, to):
        for dialect in DIALECTS:
            with self.subTest(dialect, to=to):
                mark = self.daemon.mark()
                self.replay(to, "--compare", RECORDINGS / f"{dialect}.jsonl")
                # Each delivery has really gone through the daemon, and was no duplicate.
                self.daemon.wait_for("event.accepted", after=mark, count=len(self.deliveries(dialect)))
                self.assertEqual(self.daemon.records("event.answered", after=mark, by="duplicate"), [])


class Recordings(ReplayTest):
    def test_each_is_a_whole_call(self):
        for dialect in DIALECTS:
            deliveries = self.deliveries(dialect)
            types = [d["headers"]["x-webhook-event"] for d in deliveries]
            self.assertEqual(
                types,
                ["assistant-request", "status-update", *["tool-calls"] * 3, "status-update", "end-of-call-report"],
            )
            self.assertTrue(all(d["reply"]["status"] == 200 for d in deliveries))

    def test_their_configuration_holds(self):
        done = run("check", "-c", self.daemon.directory / "hookswitch.toml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_over_tcp(self):
        self.assert_same(self.direct[0])

    def test_over_the_unix_socket(self):
        self.assert_same(self.direct[1])

    def test_through_nginx_over_tcp_and_over_the_unix_socket(self):
        with Nginx(self.daemon) as nginx:
            self.assert_same(nginx.tcp)
            self.assert_same(nginx.unix)

    def test_all_files_at_once_and_fast(self):
        files = [RECORDINGS / f"{dialect}.jsonl" for dialect in DIALECTS]
        for more in (["--concurrency", "4"], ["--rate", "500"], ["--speed", "1000"]):
            with self.subTest(more):
                self.replay(self.direct[0], "--compare", *more, *files)

    def test_the_pace_of_the_recording(self):
        """50.6 s of a call at eighty times the speed take over half a second."""
        started = time.monotonic()
        self.replay(self.direct[0], "--speed", "80", RECORDINGS / "camel.jsonl")
        self.assertGreater(time.monotonic() - started, 0.5)


class Comparing(ReplayTest):
    def changed(self, change):
        deliveries = self.deliveries("camel")
        for delivery in deliveries:
            reply = json.loads(delivery["reply"]["body"])
            change(delivery, reply)
            delivery["reply"]["body"] = json.dumps(reply)
        return self.file("changed.jsonl", *deliveries)

    def test_a_wrong_reply_fails(self):
        def change(_, reply):
            for result in reply.get("results", []):
                if isinstance(result["result"], dict) and result["result"].get("name"):
                    result["result"]["name"] = "A. Nother"

        file = self.changed(change)
        done = self.replay(self.direct[0], "--compare", file, code=1)
        said = done.stdout + done.stderr
        self.assertIn(b"A. Nother", said)
        self.assertIn(b"J. de Vries", said)
        self.assertIn(b"results[0]", said)
        # Without --compare nobody minds.
        self.replay(self.direct[0], file)

    def test_a_wrong_status_a_missing_and_an_additional_member_fail(self):
        def status(delivery, _):
            delivery["reply"]["status"] = 204

        def additional(_, reply):
            reply["more"] = None

        def missing(_, reply):
            reply.pop("maxDurationSeconds", None)

        for change in (status, additional, missing):
            with self.subTest(change.__name__):
                self.replay(self.direct[0], "--compare", self.changed(change), code=1)

    def test_another_spelling_of_the_same_reply_is_equal(self):
        def turned_round(delivery, reply):
            for key in list(reply)[::-1]:
                reply[key] = reply.pop(key)

        self.replay(self.direct[0], "--compare", self.changed(turned_round))

    def test_json(self):
        for code, file in ((0, RECORDINGS / "snake.jsonl"), (1, self.changed(lambda _, reply: reply.update(more=1)))):
            done = self.replay(self.direct[0], "--compare", "--json", file, code=code)
            text = done.stdout.decode()
            try:
                parsed = [json.loads(text)]
            except ValueError:
                parsed = [json.loads(line) for line in text.splitlines()]
            self.assertTrue(all(isinstance(p, dict) for p in parsed) and parsed, text)
            self.assertIn("7", text, "how many there were")

    def test_a_refused_delivery_fails(self):
        other = self.daemon.write("other", "another secret")
        self.replay(self.direct[0], RECORDINGS / "camel.jsonl", code=1, secret=other)

    def test_nobody_there_fails_with_a_reason(self):
        for to in (f"unix:{self.daemon.directory}/nobody.sock:/webhook", "http://127.0.0.1:1/webhook"):
            done = self.replay(to, RECORDINGS / "camel.jsonl", code=1)
            self.assertIn(b"hookswitch: ", done.stderr)
            self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)


class Forms(ReplayTest):
    """What a file of deliveries may look like."""

    def test_a_bare_body(self):
        bodies = {"camel": tool_calls("lookup_contact"), "legacy": event_body("status-update", "legacy")}
        for name, body in bodies.items():
            mark = self.daemon.mark()
            self.replay(self.direct[0], self.file(f"{name}.json", body.decode()))
            self.daemon.wait_for("event.accepted", after=mark)

    def test_a_bare_body_over_many_lines(self):
        body = json.dumps(json.loads(tool_calls("lookup_contact")), indent=2)
        mark = self.daemon.mark()
        self.replay(self.direct[0], self.file("indented.json", body))
        self.daemon.wait_for("event.accepted", after=mark)

    def test_a_body_in_base64(self):
        line = {"body_base64": "eyJtZXNzYWdlIjp7InR5cGUiOiL//iJ9fQ==", "reply": {"status": 400}}
        done = self.replay(self.direct[0], self.file("binary.jsonl", line), code=1)
        self.assertIn(b"400", done.stdout + done.stderr)

    def test_no_reply_recorded(self):
        deliveries = self.deliveries("legacy")
        for delivery in deliveries:
            del delivery["reply"]
        self.replay(self.direct[0], self.file("bare.jsonl", *deliveries))

    def test_faults_are_told_with_their_place(self):
        for line in ("not JSON", '{"path":"/webhook"}', '{"body":7}'):
            with self.subTest(line):
                file = self.file("faulty.jsonl", self.deliveries("camel")[0], line)
                done = self.replay(self.direct[0], file, code=1)
                self.assertRegex(done.stderr.decode(), r"faulty\.jsonl:2\b")
        done = self.replay(self.direct[0], Path("/nonexistent.jsonl"), code=1)
        self.assertIn(b"/nonexistent.jsonl", done.stderr)


class Send(ReplayTest):
    def send(self, *files, code=0, secret=None):
        done = run("send", "--to", self.direct[0], "--secret-file", secret or self.secret, *files)
        self.assertEqual(done.returncode, code, done)
        return done.stdout.decode()

    def test_each_file_is_sent_and_its_reply_shown(self):
        body = self.file("call.json", tool_calls("lookup_contact").decode())
        told = self.file("told.json", event_body("status-update").decode())
        said = self.send(body, told)
        self.assertEqual(said.count("200"), 2, said)
        self.assertIn("J. de Vries", said)
        self.assertRegex(said, r"\d ?(ms|µs|us|s)\b")

    def test_a_refusal_fails(self):
        file, other = self.file("call.json", "{}"), self.daemon.write("other", "other")
        self.assertIn("401", self.send(file, code=1, secret=other))
        self.assertIn("400", self.send(file, code=1))


if __name__ == "__main__":
    unittest.main()
