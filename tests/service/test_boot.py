"""The shipped units, run by a real systemd: start, sandbox, reload, restart, crash, watchdog, stop."""

import contextlib
import socket
import threading
import unittest

from installed import install
from private_systemd import PrivateSystemd, Unavailable
import proxies  # noqa: F401  the path to the end-to-end tests' modules

from deliveries import SECRET, only_result, post, request, tool_calls
from rawhttp import PATIENCE, Connection
from support import config, reply, route, source

PYTHON_WORKER = """
import os
import socket
from hookswitch import run, tool

@tool
def look_around(event):
    return {"uid": os.getuid(), "may_write": [d for d in ("/", "/etc/hookswitch", "/usr", "/var/lib", "/home")
                                              if os.access(d, os.W_OK)],
            "other_processes": [p for p in os.listdir("/proc") if p.isdigit() and os.stat("/proc/" + p).st_uid == 0]}

@tool
def keep(event, text):
    with open("/var/lib/hookswitch/kept", "w") as file:
        file.write(text)
    return open("/var/lib/hookswitch/kept").read()

@tool
def wait(event):
    with socket.socket(socket.AF_UNIX) as gate:
        gate.connect("/run/hookswitch/gate")
        return gate.recv(100).decode()

run()
"""

NODE_WORKER = """
import { run, tool } from "./hookswitch.mjs";
// Busy enough for the optimising compiler to set in.
tool("count", () => { let sum = 0; for (let i = 0; i < 3e6; i++) sum += i % 7; return sum; });
run();
"""


def configuration(answer):
    handlers = [
        reply("fixed", {"result": answer}),
        {"name": "python", "type": "worker", "command": ["/usr/bin/python3", "probe.py"], "concurrency": 4},
        {"name": "node", "type": "worker", "command": ["node", "probe.mjs"]},
    ]
    return config(
        server={"listen": ["systemd"]}, log={"format": "auto"}, handlers=handlers,
        sources=[source(secret_files=["${CREDENTIALS_DIRECTORY}/webhook-secret"])],
        routes=[route("tool-calls", "fixed", tool="fixed"), route("tool-calls", "node", tool="count"),
                route("tool-calls", "python")])


class Boot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            cls.systemd = cls.enterClassContext(PrivateSystemd())
        except Unavailable as why:
            raise unittest.SkipTest(f"no systemd of our own: {why}") from None
        install(cls.systemd, {"hookswitch.toml": configuration("first"), "probe.py": PYTHON_WORKER,
                              "probe.mjs": NODE_WORKER})
        cls.systemd.systemctl("daemon-reload")
        cls.systemd.systemctl("start", "hookswitch.socket", "hookswitch.service")
        cls.address = f"unix:{cls.systemd.path('/run/hookswitch.sock')}"

    def configure(self, text):
        self.systemd.path("/etc/hookswitch/hookswitch.toml").write_text(text)

    def ask(self, *call):
        response = post(self.address, tool_calls(call))
        self.assertEqual(response.status, 200, self.systemd.journal("hookswitch"))
        return only_result(response)

    @contextlib.contextmanager
    def gate(self):
        """Where the worker's tool `wait` waits until it is sent its result."""
        path = self.systemd.path("/run/hookswitch/gate")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(0o666)
            listener.listen()
            listener.settimeout(PATIENCE)
            yield listener

    def main_pid(self):
        return int(self.systemd.show("hookswitch", "MainPID")["MainPID"])

    def test_python_and_node_live_in_the_sandbox(self):
        seen = self.ask("look_around", {})
        self.assertNotEqual(seen["uid"], 0)
        self.assertEqual((seen["may_write"], seen["other_processes"]), ([], []))
        self.assertEqual(self.ask("keep", {"text": "a note"}), "a note")
        self.assertEqual(self.ask("count", {}), sum(i % 7 for i in range(3_000_000)))

    def test_only_the_daemon_has_the_secret(self):
        environment = self.systemd.path(f"/proc/{self.main_pid()}/environ").read_bytes()
        self.assertIn(b"CREDENTIALS_DIRECTORY=/run/credentials/hookswitch.service", environment)
        self.assertNotIn(SECRET.encode(), environment)
        self.assertNotIn(SECRET, self.systemd.journal("hookswitch"))

    def test_the_doctor_is_content(self):
        done = self.systemd.run("hookswitch", "doctor", "--url", "unix:/run/hookswitch.sock:/webhook", check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        for found in ("credentials of the service: looked at in /proc/", "python: starts, ", "node: starts, "):
            self.assertIn(found, done.stdout)

    def test_reload_takes_the_new_configuration(self):
        self.addCleanup(self.restore)
        before = self.main_pid()
        with self.systemd.follow("hookswitch") as wait_for:
            self.configure(configuration("second"))
            self.systemd.systemctl("reload", "hookswitch")
            wait_for("reload.done")
        self.assertEqual((self.ask("fixed", {}), self.main_pid()), ("second", before))

    def test_reload_of_a_faulty_configuration_fails_and_changes_nothing(self):
        self.addCleanup(self.restore)
        expected = self.ask("fixed", {})
        self.configure(configuration("third").replace("[server]", "[serfer]"))
        self.assertNotEqual(self.systemd.systemctl("reload", "hookswitch", check=False).returncode, 0)
        self.assertIn("serfer", self.systemd.journal("hookswitch"))
        self.assertEqual(self.ask("fixed", {}), expected)

    def restore(self):
        self.configure(configuration("first"))
        with self.systemd.follow("hookswitch") as wait_for:
            self.systemd.systemctl("reload", "hookswitch")
            wait_for("reload.done")

    def test_restart_refuses_nobody(self):
        enough, statuses = threading.Event(), []

        def call_all_the_time():
            while not enough.is_set():
                statuses.append(post(self.address, tool_calls("fixed")).status)

        caller = threading.Thread(target=call_all_the_time)
        caller.start()
        try:
            for _ in range(3):
                self.systemd.systemctl("restart", "hookswitch")
        finally:
            enough.set()
            caller.join(PATIENCE)
        self.assertEqual(set(statuses), {200})

    def test_crash_is_survived(self):
        before = self.main_pid()
        self.systemd.systemctl("kill", "--kill-whom=main", "--signal=KILL", "hookswitch")
        self.assertEqual(self.ask("fixed", {}), "first")  # the connection waited in the socket's queue
        self.assertNotEqual(self.main_pid(), before)

    def test_watchdog_ends_a_daemon_that_is_stuck(self):
        before = self.systemd.show("hookswitch", "MainPID", "NRestarts")
        self.systemd.systemctl("kill", "--kill-whom=main", "--signal=STOP", "hookswitch")
        self.assertEqual(self.ask("fixed", {}), "first")
        after = self.systemd.show("hookswitch", "MainPID", "NRestarts")
        self.assertNotEqual(after["MainPID"], before["MainPID"])
        self.assertEqual(int(after["NRestarts"]), int(before["NRestarts"]) + 1)

    def test_stop_waits_for_the_call_in_work(self):
        self.addCleanup(self.systemd.systemctl, "start", "hookswitch.socket", "hookswitch.service")
        with Connection(self.address) as connection, self.systemd.follow("hookswitch") as wait_for:
            with self.gate() as gate:
                connection.send(request(tool_calls("wait")))
                worker, _ = gate.accept()
                self.systemd.systemctl("stop", "--no-block", "hookswitch.socket", "hookswitch.service")
                wait_for("server.stopping")
                worker.sendall(b"just in time")
                worker.close()
            response = connection.response()
            self.assertEqual((response.status, only_result(response)), (200, "just in time"))
            self.assertTrue(response.closes)
            wait_for("server.stopped")
        self.systemd.systemctl("stop", "hookswitch.service")  # returns when it has stopped
        state = self.systemd.show("hookswitch", "ActiveState", "Result", "ExecMainStatus")
        self.assertEqual(state, {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"})


if __name__ == "__main__":
    unittest.main()
