"""nginx, Caddy and HAProxy, as config/ sets them up, in front of the real daemon, over TCP and a Unix socket."""

import concurrent.futures
import contextlib
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from proxies import CLIENT, PROXIES, ROOT, certificate, connections_to, free_port

from control import Control
from deliveries import event_body, only_result, request, tool_calls
from rawhttp import PATIENCE
from support import Daemon, config, reply, route, worker

TWO_MIB = 2 * 1024 * 1024
# What the slow handler takes. Below the daemon's 9.5 s, above what a careless time limit would cut.
SLOW = 9.0


def daemon(directory, port, control):
    return Daemon(config(
        server={"listen": [f"127.0.0.1:{port}", f"unix:{directory}/hookswitch.sock"],
                "trusted_proxies": ["127.0.0.1/32"]},
        handlers=[
            reply("contact", {"result": "Jan de Vries, ${caller}"}),
            worker("slow", "puppet.py", control=control, concurrency=16),
        ],
        routes=[route("tool-calls", "contact", tool="lookup_contact"), route("tool-calls", "slow", tool="slow")]))


class Stage:
    """A daemon and, in front of each of its two listeners, every proxy."""

    def __init__(self, stack):
        self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-proxy-")))
        self.port = free_port()
        self.control = stack.enter_context(Control())
        certificate(self.directory)
        self._running = stack.enter_context(contextlib.ExitStack())
        self.start_daemon()
        upstreams = (f"127.0.0.1:{self.port}", f"unix:{self.directory}/hookswitch.sock")
        self.proxies = [stack.enter_context(kind(self.directory, each)) for kind in PROXIES for each in upstreams]

    def start_daemon(self):
        self.daemon = self._running.enter_context(daemon(self.directory, self.port, self.control))

    def restart_daemon(self):
        self._running.pop_all().close()
        self.start_daemon()


class ShippedFiles(unittest.TestCase):
    def test_programs_accept_them_without_a_warning(self):
        with tempfile.TemporaryDirectory(prefix="hs-proxy-") as name:
            directory = Path(name)
            certificate(directory)
            for kind in PROXIES:
                for upstream in ("127.0.0.1:8080", "unix:/run/hookswitch.sock"):
                    with self.subTest(proxy=kind.name, upstream=upstream):
                        code, output = kind(directory, upstream).validate()
                        self.assertEqual(code, 0, output)
                        warnings = [line for line in output.splitlines() if "warn" in line.lower()]
                        self.assertEqual([w for w in warnings if not kind.harmless.search(w)], [])

    def test_caddyfile_is_formatted(self):
        path = ROOT / "config" / "Caddyfile"
        formatted = subprocess.run(["caddy", "fmt", path], capture_output=True, text=True, check=False).stdout
        self.assertEqual(formatted, path.read_text())


class InFront(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(cls.enterClassContext(contextlib.ExitStack()))

    def at_each_proxy(self, check):
        """Calls check(proxy) with each of them; one that fails does not keep the others from their turn."""
        for proxy in self.stage.proxies:
            with self.subTest(proxy=proxy.directory.name):
                check(proxy)

    def ask(self, proxy, *requests):
        """The answers to requests on one connection."""
        with proxy.connect() as connection:
            return [connection.ask(each) for each in requests]

    def test_tool_call_gets_its_answer(self):
        def check(proxy):
            (response,) = self.ask(proxy, request(tool_calls("lookup_contact", caller="+31612345678")))
            self.assertEqual(response.status, 200, proxy.log())
            self.assertEqual(only_result(response), "Jan de Vries, +31612345678")
            self.assertEqual(response.header("content-type"), "application/json")

        self.at_each_proxy(check)

    def test_duplicate_is_marked(self):
        def check(proxy):
            first = request(tool_calls("lookup_contact"))
            _, second = self.ask(proxy, first, first)
            self.assertEqual(second.header("x-hookswitch-duplicate"), "true")

        self.at_each_proxy(check)

    def test_client_address_is_what_the_proxy_has_seen(self):
        claims = [("X-Forwarded-For", "203.0.113.66"), ("Forwarded", "for=203.0.113.67")]

        def check(proxy):
            mark = self.stage.daemon.mark()
            (response,) = self.ask(proxy, request(tool_calls("lookup_contact"), secret="wrong", headers=claims))
            self.assertEqual(response.status, 401, proxy.log())
            refused = self.stage.daemon.wait_for("request.refused", after=mark)
            self.assertRegex(refused["peer"], rf"^{CLIENT}(:\d+)?$")

        self.at_each_proxy(check)

    def test_connections_are_kept_on_both_sides(self):
        def check(proxy):
            before = connections_to(self.stage.port)
            responses = self.ask(proxy, *(request(tool_calls("lookup_contact")) for _ in range(20)))
            self.assertEqual({response.status for response in responses}, {200}, proxy.log())
            self.assertLessEqual(len(connections_to(self.stage.port) - before), 1)

        self.at_each_proxy(check)

    def test_body_of_two_mib_passes(self):
        def check(proxy):
            self.assertEqual(self.ask(proxy, request(body_of(TWO_MIB)))[0].status, 200, proxy.log())
            self.assertEqual(self.ask(proxy, chunked(body_of(TWO_MIB)))[0].status, 200, proxy.log())

        self.at_each_proxy(check)

    def test_body_of_one_byte_more_is_refused(self):
        def check(proxy):
            with proxy.connect() as connection:
                connection.send_what_it_takes(request(body_of(TWO_MIB + 1)))
                self.assertEqual(connection.response(strict=False).status, 413, proxy.log())

        self.at_each_proxy(check)

    def test_all_but_posts_to_the_path_stay_outside(self):
        mark = self.stage.daemon.mark()

        def check(proxy):
            admin, dotted, get = self.ask(
                proxy, request(b"", path="/healthz", method="GET"), request(b"{}", path="/webhook/../metrics"),
                request(b"", method="GET"))
            self.assertEqual((admin.status, dotted.status), (404, 404))
            self.assertEqual((get.status, get.header("allow")), (405, "POST"))
            self.assertEqual(self.stage.daemon.records("request.refused", after=mark), [])

        self.at_each_proxy(check)

    def test_answer_after_nine_seconds_is_not_cut(self):
        def ask(proxy):
            with proxy.connect() as connection:
                return connection.ask(request(tool_calls("slow", dialect="snake")))

        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(len(self.stage.proxies)) as pool:
            answers = {pool.submit(ask, proxy): proxy for proxy in self.stage.proxies}
            events = [self.stage.control.event() for _ in answers]
            early, _ = concurrent.futures.wait(
                answers, timeout=begun + SLOW - time.monotonic(), return_when=concurrent.futures.FIRST_COMPLETED)
            for event in events:
                event.result("Table for two, at last.")
            for answer, proxy in answers.items():
                with self.subTest(proxy=proxy.directory.name):
                    self.assertNotIn(answer, early, "answered before its handler answered")
                    response = answer.result(PATIENCE)
                    self.assertEqual(response.status, 200, proxy.log())
                    self.assertEqual(only_result(response), "Table for two, at last.")


class Restart(unittest.TestCase):
    def test_kept_connections_survive_a_restart_of_the_daemon(self):
        with contextlib.ExitStack() as stack:
            stage = Stage(stack)
            connections = [stack.enter_context(proxy.connect()) for proxy in stage.proxies]
            for restarts in range(3):
                for proxy, connection in zip(stage.proxies, connections, strict=True):
                    with self.subTest(proxy=proxy.directory.name, restarts=restarts):
                        response = connection.ask(request(tool_calls("lookup_contact")))
                        self.assertEqual(response.status, 200, proxy.log())
                stage.restart_daemon()


def body_of(size):
    bare = event_body("status-update", note="")
    return bare.replace(b'"note": ""', b'"note": "' + b"x" * (size - len(bare)) + b'"')


def chunked(body, size=64 * 1024):
    head, _, _ = request(body, length=False, headers=[("Transfer-Encoding", "chunked")]).partition(b"\r\n\r\n")
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return head + b"\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


if __name__ == "__main__":
    unittest.main()
