"""Limits on size, number and time of what a client may send, and whose word about the client is believed."""

import contextlib
import threading
import time
import unittest

from deliveries import only_result, post, request, tool_calls
from rawhttp import PATIENCE, Broken, Connection
from support import Daemon, config, reply, route

KIB = 1024


def daemon(**server):
    return Daemon(
        config(server=server, handlers=[reply("fixed", {"result": "ok"})], routes=[route("tool-calls", "fixed")])
    )


def body_of(size):
    body = tool_calls(("ping", {"pad": ""}))
    return body.replace(b'"pad": ""', b'"pad": "' + b"x" * (size - len(body)) + b'"')


def chunk_it(body, size=100):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


class Sizes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(daemon(max_body="4KiB", max_head="2KiB", max_headers=20))

    def assert_refused(self, data, status, code):
        for address in (self.daemon.tcp, self.daemon.unix):
            with Connection(address) as connection:
                connection.send_what_it_takes(data + request(tool_calls("smuggled")))
                response = connection.response()
                self.assertEqual((response.status, response.code), (status, code))
                self.assertTrue(response.closes)
                connection.expect_end()
        self.assert_accepted(request(tool_calls("ping")))

    def assert_accepted(self, data):
        with Connection(self.daemon.tcp) as connection:
            response = connection.ask(data)
            self.assertEqual(response.status, 200, response)
            self.assertFalse(response.closes)
            self.assertEqual(connection.ask(request(tool_calls("ping"))).status, 200)

    def head_of(self, size):
        """A whole request whose head, up to and with the empty line, has this many bytes."""
        body = tool_calls("ping")
        bare = len(request(body, headers=[("X-Pad", "")])) - len(body)
        return request(body, headers=[("X-Pad", "x" * (size - bare))])

    def chunked(self, body):
        data = request(body, length=False, headers=[("Transfer-Encoding", "chunked")])
        return data[: -len(body)] + chunk_it(body)

    def test_body_at_the_limit(self):
        self.assert_accepted(request(body_of(4 * KIB)))
        self.assert_accepted(self.chunked(body_of(4 * KIB)))

    def test_body_one_over_the_limit(self):
        body = body_of(4 * KIB + 1)
        self.assert_refused(request(body), 413, "body_too_large")
        self.assert_refused(self.chunked(body), 413, "body_too_large")

    def test_body_refused_by_its_length_alone(self):
        data = request(b"", length=False, headers=[("Content-Length", str(4 * KIB + 1))])
        with Connection(self.daemon.tcp) as connection:
            self.assertEqual(connection.ask(data).status, 413)
            connection.expect_end()

    def test_body_far_over_the_limit_and_still_coming(self):
        """The answer arrives although the client does not stop."""
        head = request(b"", length=False, headers=[("Content-Length", str(64 * KIB * KIB))])
        with Connection(self.daemon.tcp) as connection:
            connection.send_what_it_takes(head)
            sender = threading.Thread(target=connection.send_what_it_takes, args=[bytes(4 * KIB * KIB)])
            sender.start()
            self.assertEqual(connection.response().status, 413)
            connection.rest()
            sender.join(PATIENCE)
            self.assertFalse(sender.is_alive())

    def test_one_chunk_announced_over_the_limit(self):
        data = request(b"", length=False, headers=[("Transfer-Encoding", "chunked")]) + b"1001\r\n"
        with Connection(self.daemon.tcp) as connection:
            self.assertEqual(connection.ask(data).status, 413)
            connection.expect_end()

    def test_framing_of_chunks_is_limited_too(self):
        """Extensions, trailers and one-byte chunks cost memory or time without adding to the body."""
        head = request(b"", length=False, headers=[("Transfer-Encoding", "chunked")])
        for name, data in {
            "extension": b"1;" + b"x" * 200 * KIB + b"\r\nx\r\n0\r\n\r\n",
            "unfinished extension": b"1;" + b"x" * 200 * KIB,
            "trailers": b"0\r\n" + b"X-T: v\r\n" * 20_000 + b"\r\n",
            "one trailer": b"0\r\nX-T: " + b"v" * 200 * KIB + b"\r\n\r\n",
            "zeros of a size": b"0" * 200 * KIB + b"1\r\nx\r\n0\r\n\r\n",
        }.items():
            with self.subTest(name), Connection(self.daemon.tcp) as connection:
                connection.send_what_it_takes(head + data)
                response = connection.response()
                self.assertIn(response.status, (400, 413, 431), response)
                self.assertTrue(response.closes)
                connection.expect_end()

    def test_head_at_the_limit(self):
        self.assert_accepted(self.head_of(2 * KIB))

    def test_head_over_the_limit(self):
        # Five more, because whether the last line end and the empty line count is nobody's business.
        self.assert_refused(self.head_of(2 * KIB + 5), 431, "head_too_large")
        self.assert_refused(self.head_of(300 * KIB), 431, "head_too_large")

    def test_a_long_request_line(self):
        self.assert_refused(request(tool_calls("ping"), path="/webhook?" + "x" * 2 * KIB), 431, "head_too_large")

    def test_a_head_without_an_end(self):
        with Connection(self.daemon.tcp) as connection:
            connection.send_what_it_takes(b"POST /webhook HTTP/1.1\r\nX-Pad: " + b"x" * 300 * KIB)
            self.assertEqual(connection.response().status, 431)

    def test_number_of_headers(self):
        body = tool_calls("ping")
        present = request(body).split(b"\r\n\r\n")[0].count(b"\r\n")
        fill = [(f"X-{n}", "v") for n in range(20 - present)]
        self.assert_accepted(request(body, headers=fill))
        self.assert_refused(request(body, headers=[*fill, ("X-More", "v")]), 431, "head_too_large")

    def test_a_pipeline_of_small_heads_is_no_large_head(self):
        with Connection(self.daemon.tcp) as connection:
            connection.send(b"".join(request(body_of(3 * KIB)) for _ in range(10)))
            for _ in range(10):
                self.assertEqual(connection.response().status, 200)


class Times(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(daemon(request_timeout="1s", idle_timeout="2s"))

    def assert_408(self, connection):
        response = connection.response()
        self.assertEqual((response.status, response.code), (408, "request_timeout"))
        self.assertTrue(response.closes)
        connection.expect_end()

    def test_slow_head(self):
        data = request(tool_calls("ping"))
        for part in (b"P", data[:50]):
            with Connection(self.daemon.tcp) as connection:
                connection.send(part)
                self.assert_408(connection)

    def test_slow_body(self):
        for address in (self.daemon.tcp, self.daemon.unix):
            with Connection(address) as connection:
                connection.send(request(tool_calls("ping"))[:-1])
                self.assert_408(connection)

    def test_slow_chunks(self):
        head = request(b"", length=False, headers=[("Transfer-Encoding", "chunked")])
        for part in (b"", b"5", b"5\r\nabc", b"5\r\nabcde\r\n0\r\n"):
            with Connection(self.daemon.tcp) as connection:
                connection.send(head + part)
                self.assert_408(connection)

    def test_a_body_that_is_waited_for_after_100(self):
        data = request(b"", length=False, headers=[("Expect", "100-continue"), ("Content-Length", "50")])
        with Connection(self.daemon.tcp) as connection:
            connection.send(data)
            connection.interim()
            self.assert_408(connection)

    def test_dripping_does_not_buy_time(self):
        with Connection(self.daemon.tcp) as connection:
            started = time.monotonic()
            connection.send(b"POST /webhook HTTP/1.1\r\nX-Pad: ")
            while not connection.readable(0.05):
                connection.send_what_it_takes(b"x")
                self.assertLess(time.monotonic() - started, PATIENCE)
            self.assert_408(connection)

    def test_idle_connections_are_closed_without_a_word(self):
        with Connection(self.daemon.tcp) as fresh, Connection(self.daemon.tcp) as used:
            self.assertEqual(used.ask(request(tool_calls("ping"))).status, 200)
            fresh.expect_end()
            used.expect_end()

    def test_each_request_has_its_own_time(self):
        """A connection may live longer than request_timeout and idle_timeout together."""
        ends = time.monotonic() + 3.5
        with Connection(self.daemon.tcp) as connection:
            while time.monotonic() < ends:
                self.assertEqual(connection.ask(request(tool_calls("ping"))).status, 200)

    def test_slow_clients_hold_up_nobody(self):
        with contextlib.ExitStack() as stack:
            for _ in range(30):
                stack.enter_context(Connection(self.daemon.tcp)).send(request(tool_calls("ping"))[:-1])
            self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("ping"))), "ok")


class Cap(unittest.TestCase):
    def test_over_max_connections_is_503_with_retry_after(self):
        with daemon(max_connections=3) as running, contextlib.ExitStack() as stack:
            held = [stack.enter_context(Connection(running.tcp)) for _ in range(3)]
            for connection in held:
                self.assertEqual(connection.ask(request(tool_calls("ping"))).status, 200)
            for address in (running.tcp, running.unix) * 3:
                with Connection(address) as extra:
                    extra.send_what_it_takes(request(tool_calls("ping")))
                    response = extra.response()
                    self.assertEqual((response.status, response.code), (503, "overloaded"))
                    self.assertGreater(int(response.header("retry-after")), 0)
                    self.assertTrue(response.closes)
                    extra.expect_end()
            self.assertEqual(held[0].ask(request(tool_calls("ping"))).status, 200)

            held[0].close()
            self.until_served(running)

    def until_served(self, running):
        """The place of a connection is free once the daemon has noticed that it is closed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(Broken):
                if post(running.tcp, tool_calls("ping")).status == 200:
                    return
            self.assertLess(time.monotonic(), deadline, "a closed connection still counts")


class Proxies(unittest.TestCase):
    def peer_of(self, running, headers, address=None):
        mark = running.mark()
        self.assertEqual(post(address or running.tcp, b"", path="/nowhere", headers=headers).status, 404)
        return running.wait_for("request.refused", after=mark)["peer"]

    def assert_peers(self, running, cases):
        for headers, peer in cases:
            with self.subTest(headers):
                # The port may follow the address.
                self.assertRegex(self.peer_of(running, headers), rf"^\[?{peer}(\]?:\d+)?$")

    def test_a_trusted_proxy_is_believed(self):
        with daemon(trusted_proxies=["127.0.0.1/32", "10.0.0.0/8"]) as running:
            self.assert_peers(running, [
                ([], "127.0.0.1"),
                ([("X-Forwarded-For", "203.0.113.9")], "203.0.113.9"),
                ([("X-Forwarded-For", "198.51.100.1, 203.0.113.9")], "203.0.113.9"),
                ([("X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.1.2.3")], "203.0.113.9"),
                ([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9")], "203.0.113.9"),
                ([("X-Forwarded-For", "2001:db8::7")], "2001:db8::7"),
                ([("Forwarded", "for=203.0.113.9;proto=https;by=10.0.0.1")], "203.0.113.9"),
                ([("Forwarded", 'for="[2001:db8::7]:4711"')], "2001:db8::7"),
                ([("Forwarded", 'For="198.51.100.1", for=203.0.113.9')], "203.0.113.9"),
                ([("X-Forwarded-For", "not an address")], "127.0.0.1"),
                ([("X-Forwarded-For", "")], "127.0.0.1"),
                ([("Forwarded", "for=_hidden")], "127.0.0.1"),
            ])

    def test_others_are_not_believed(self):
        with daemon(trusted_proxies=["10.0.0.0/8"]) as running:
            self.assert_peers(running, [
                ([("X-Forwarded-For", "203.0.113.9")], "127.0.0.1"),
                ([("Forwarded", "for=203.0.113.9")], "127.0.0.1"),
            ])


if __name__ == "__main__":
    unittest.main()
