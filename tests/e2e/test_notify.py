"""What systemd is told (NOTIFY_SOCKET, WATCHDOG_USEC) and what it may hand over (LISTEN_FDS)."""

import os
import re
import socket
import sys
import tempfile
import time
import unittest
import uuid

from control import Control
from deliveries import Asking, event_body, post, request, tool_calls
from rawhttp import PATIENCE, Connection
from support import Daemon, config, reply, route, worker

# Gives the sockets the numbers that the protocol wants, says so, and becomes the daemon.
_HAND_OVER = """
import os, sys
fds = [int(n) for n in sys.argv[1].split(",")]
spare = [os.dup(fd) for fd in fds]
high = [__import__("fcntl").fcntl(fd, __import__("fcntl").F_DUPFD, 100) for fd in spare]
for n, fd in enumerate(high):
    os.dup2(fd, 3 + n)
os.environ["LISTEN_FDS"] = str(len(fds))
os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[2]))
for fd in set(high) | {f for f in fds + spare if f >= 3 + len(fds)}:
    os.close(fd)
os.execv(sys.argv[3], sys.argv[3:])
"""


class NotifySocket:
    def __init__(self, case, abstract=False):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        case.addCleanup(self._socket.close)
        self._socket.settimeout(PATIENCE)
        if abstract:
            self.name = f"@hookswitch-test-{uuid.uuid4()}"
            self._socket.bind("\0" + self.name[1:])
        else:
            self.name = os.path.join(case.enterContext(tempfile.TemporaryDirectory()), "notify")
            self._socket.bind(self.name)

    def next(self):
        """The next message as a dict."""
        try:
            message = self._socket.recv(65536).decode()
        except TimeoutError:
            raise AssertionError(f"nothing was notified in {PATIENCE} s") from None
        return dict(line.split("=", 1) for line in message.strip().split("\n"))

    def until(self, key, value="1"):
        """The next message that says this, with whatever of watchdog and status comes before it left out."""
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self.next()
            if message.get(key) == value:
                return message
            unexpected = set(message) - {"WATCHDOG", "STATUS", "MAINPID"}
            if unexpected or time.monotonic() > deadline:
                raise AssertionError(f"{message} instead of {key}={value}")


def settings(**more):
    return config(handlers=[reply("fixed", {"result": "ok"})], routes=[route("tool-calls", "fixed")], **more)


class Notify(unittest.TestCase):
    def test_ready_reloading_stopping(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract):
                notified = NotifySocket(self, abstract)
                daemon = Daemon(settings(), env={"NOTIFY_SOCKET": notified.name})
                try:
                    daemon.launch()
                    notified.until("READY")
                    # Ready means ready: at this moment a request is answered.
                    self.assertEqual(post(daemon.unix, tool_calls("any")).status, 200)
                    daemon.wait_for("server.ready")

                    for text, outcome in ((settings(), "reload.done"), ("[faulty", "reload.failed")):
                        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                        self.assertEqual(daemon.reload(text)["event"], outcome)
                        reloading = notified.until("RELOADING")
                        stamp = int(reloading["MONOTONIC_USEC"])
                        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                        self.assertTrue(before <= stamp <= now, (before, stamp, now))
                        notified.until("READY")

                    daemon.terminate()
                    notified.until("STOPPING")
                    daemon.expect_exit(0)
                finally:
                    daemon.kill()

    def test_stopping_is_told_before_the_drain_is_over(self):
        notified = NotifySocket(self)
        control = self.enterContext(Control())
        text = config(handlers=[worker("held", "puppet.py", control=control)], routes=[route("tool-calls", "held")])
        with Daemon(text, env={"NOTIFY_SOCKET": notified.name}) as daemon:
            notified.until("READY")
            asking = Asking(daemon.tcp, tool_calls("any"))
            event = control.event()
            daemon.terminate()
            notified.until("STOPPING")
            event.result("ok")
            self.assertEqual(asking.answer().status, 200)
            daemon.expect_exit(0)

    def test_watchdog(self):
        notified = NotifySocket(self)
        env = {"NOTIFY_SOCKET": notified.name, "WATCHDOG_USEC": "1000000"}
        with Daemon(settings(), env=env):
            notified.until("READY")
            last = time.monotonic()
            for _ in range(4):
                notified.until("WATCHDOG")
                self.assertLess(time.monotonic() - last, 1.0, "later than systemd would have waited")
                last = time.monotonic()

    def test_a_watchdog_for_another_process_is_none_of_ours(self):
        notified = NotifySocket(self)
        env = {"NOTIFY_SOCKET": notified.name, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}
        with Daemon(settings(), env=env) as daemon:
            self.assertIn("READY", notified.next())
            for _ in range(5):
                daemon.reload()
                message = notified.next()
                while "STATUS" in message and len(message) == 1:
                    message = notified.next()
                self.assertIn("RELOADING", message)
                notified.until("READY")

    def test_a_socket_that_nobody_reads_is_no_obstacle(self):
        with Daemon(settings(), env={"NOTIFY_SOCKET": "/nonexistent/notify", "WATCHDOG_USEC": "200000"}) as daemon:
            self.assertEqual(post(daemon.tcp, tool_calls("any")).status, 200)
            self.assertEqual(daemon.reload()["event"], "reload.done")

    def test_workers_know_nothing_of_it(self):
        notified = NotifySocket(self)
        control = self.enterContext(Control())
        text = config(handlers=[worker("held", "puppet.py", control=control)], routes=[route("tool-calls", "held")])
        env = {"NOTIFY_SOCKET": notified.name, "WATCHDOG_USEC": "60000000"}
        with Daemon(text, env=env):
            environment = control.worker().environment
            for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
                         "LISTEN_FDNAMES"):
                self.assertNotIn(name, environment)


class Activation(unittest.TestCase):
    def sockets(self):
        tcp = socket.create_server(("127.0.0.1", 0))
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")), "systemd.sock")
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(path)
        unix.listen()
        self.addCleanup(tcp.close)
        self.addCleanup(unix.close)
        return tcp, unix, f"127.0.0.1:{tcp.getsockname()[1]}", f"unix:{path}"

    def daemon(self, text, *sockets, pid_offset=0):
        fds = [s.fileno() for s in sockets]
        launcher = [sys.executable, "-c", _HAND_OVER, ",".join(map(str, fds)), str(pid_offset)]
        return Daemon(text, launcher=launcher, pass_fds=fds)

    def test_sockets_of_systemd(self):
        tcp, unix, tcp_address, unix_address = self.sockets()
        # Asked before the daemon is even started: the kernel keeps it.
        early = Connection(tcp_address)
        early.send(request(tool_calls("any")))
        with self.daemon(settings(server={"listen": ["systemd"]}), tcp, unix) as daemon:
            self.assertEqual(early.response().status, 200)
            early.close()
            for address in (tcp_address, unix_address):
                self.assertEqual(post(address, tool_calls("any")).status, 200)
            listening = [r["address"] for r in daemon.records("server.listening")]
            self.assertEqual(len(listening), 2)
            self.assertIn(tcp_address, listening)
        # The Unix socket is systemd's, and stays.
        self.assertTrue(os.path.exists(unix_address[len("unix:") :]))

    def test_next_to_a_listener_of_its_own(self):
        tcp, _, tcp_address, _ = self.sockets()
        with self.daemon(settings(server={"listen": ["systemd", "unix:hook.sock"]}), tcp) as daemon:
            self.assertEqual(post(tcp_address, tool_calls("any")).status, 200)
            self.assertEqual(post(daemon.unix, tool_calls("any")).status, 200)

    def test_the_sockets_are_not_passed_on(self):
        tcp, unix, tcp_address, _ = self.sockets()
        control = self.enterContext(Control())
        text = config(server={"listen": ["systemd"]}, handlers=[worker("held", "puppet.py", control=control)],
                      routes=[route("tool-calls", "held")])
        with self.daemon(text, tcp, unix):
            process = control.worker()
            others = {n: to for n, to in process.descriptors.items() if n not in ("0", "1", "2")}
            self.assertLessEqual(len(others), 1, f"only the link to the test: {others}")
            self.assertNotIn("LISTEN_FDS", process.environment)
            asking = Asking(tcp_address, event_body("tool-calls", toolCallList=[]))
            self.assertEqual(asking.answer().json(), {"results": []})

    def refused(self, daemon):
        try:
            daemon.launch()
            daemon.process.wait(PATIENCE)
            daemon._reader.join(PATIENCE)
            self.assertEqual(daemon.process.returncode, 1)
            self.assertRegex(daemon.text(), re.compile("systemd|LISTEN_FDS", re.I))
        finally:
            daemon.kill()

    def test_sockets_for_another_process_are_not_taken(self):
        tcp, *_ = self.sockets()
        self.refused(self.daemon(settings(server={"listen": ["systemd"]}), tcp, pid_offset=1))

    def test_no_sockets_is_an_error(self):
        self.refused(Daemon(settings(server={"listen": ["systemd"]})))


if __name__ == "__main__":
    unittest.main()
