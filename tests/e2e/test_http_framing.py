"""How requests may follow each other on a connection, be cut into pieces and be dressed."""

import unittest

from deliveries import event_body, post, request, sign, tool_calls
from http_case import HttpTest
from rawhttp import Connection


def chunked(body, sizes=(7,), extension="", trailers=()):
    """The body in chunks of the sizes given, over and over."""
    out, at, turn = b"", 0, 0
    while at < len(body):
        piece = body[at : at + sizes[turn % len(sizes)]]
        out += f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n"
        at, turn = at + len(piece), turn + 1
    return out + b"0\r\n" + "".join(t + "\r\n" for t in trailers).encode() + b"\r\n"


def chunked_request(body, coded, headers=()):
    return request(body, length=False, headers=[("Transfer-Encoding", "chunked"), *headers])[: -len(body)] + coded


class Connections(HttpTest):
    def test_keep_alive_serves_many_requests(self):
        with Connection(self.daemon.tcp) as connection:
            for turn in range(50):
                response = connection.ask(request(tool_calls(f"t{turn}")))
                self.assert_answers(response, f"t{turn}")
                self.assertFalse(response.closes)

    def test_close_is_honoured(self):
        for value in ("close", "Close", "keep-alive, close", "foo,close"):
            with Connection(self.daemon.tcp) as connection:
                response = connection.ask(request(tool_calls("last"), headers=[("Connection", value)]))
                self.assert_answers(response, "last")
                self.assertTrue(response.closes, value)
                connection.expect_end()

    def test_http_1_0_closes(self):
        with Connection(self.daemon.tcp) as connection:
            self.assert_answers(connection.ask(request(tool_calls("old"), version="HTTP/1.0")), "old")
            connection.expect_end()

    def test_http_1_0_without_host(self):
        body = tool_calls("old")
        data = request(body, version="HTTP/1.0").replace(b"Host: hooks.example.com\r\n", b"")
        with Connection(self.daemon.tcp) as connection:
            self.assert_answers(connection.ask(data), "old")

    def test_http_1_0_keep_alive(self):
        asks = [("Connection", "Keep-Alive")]
        with Connection(self.daemon.tcp) as connection:
            for turn in range(3):
                response = connection.ask(request(tool_calls(f"t{turn}"), version="HTTP/1.0", headers=asks))
                self.assert_answers(response, f"t{turn}")
                self.assertEqual(response.header("connection").lower(), "keep-alive")

    def test_pipelined_requests_are_answered_in_order(self):
        names = [f"t{n}" for n in range(100)]
        with Connection(self.daemon.tcp) as connection:
            connection.send(b"".join(request(tool_calls(name)) for name in names))
            for name in names:
                self.assert_answers(connection.response(), name)

    def test_pipelined_behind_a_slow_one_keep_their_order(self):
        with Connection(self.daemon.tcp) as connection:
            connection.send(request(tool_calls("held")) + request(tool_calls("quick")))
            event = self.control.event()
            self.assertFalse(connection.readable(0))
            event.result("slow")
            self.assert_answers(connection.response(), "slow")
            self.assert_answers(connection.response(), "quick")

    def test_pipelined_after_refusals(self):
        with Connection(self.daemon.tcp) as connection:
            connection.send(
                request(tool_calls("a"))
                + request(tool_calls("b"), secret="other")
                + request(b"{}")
                + request(tool_calls("c"))
            )
            self.assert_answers(connection.response(), "a")
            for status in (401, 400):
                response = connection.response()
                self.assertEqual(response.status, status)
                self.assertFalse(response.closes)
            self.assert_answers(connection.response(), "c")

    def test_nothing_after_a_close_is_handled(self):
        with Connection(self.daemon.tcp) as connection:
            connection.send(
                request(tool_calls("last"), headers=[("Connection", "close")]) + request(tool_calls("held_not"))
            )
            self.assert_answers(connection.response(), "last")
            connection.expect_end()
        with Connection(self.daemon.tcp) as connection:
            connection.send(request(tool_calls("held_next")))
            event = self.control.event()
            self.assertEqual(event.tool, "held_next")
            event.result("ok")
            connection.response()

    def test_a_pipeline_that_is_never_read_stops_nobody(self):
        with Connection(self.daemon.unix, timeout=2) as greedy:
            data = b"".join(request(tool_calls("x" * 1000)) for _ in range(20))
            try:
                for _ in range(100):
                    greedy.send(data)
            except (TimeoutError, BrokenPipeError):
                pass  # the daemon has stopped reading, as it should
            self.assert_answers(post(self.daemon.tcp, tool_calls("other")), "other")

    def test_half_closed_client_gets_its_answers(self):
        with Connection(self.daemon.tcp) as connection:
            connection.send(request(tool_calls("held")) + request(tool_calls("quick")))
            connection.finish()
            self.control.event().result("slow")
            self.assert_answers(connection.response(), "slow")
            self.assert_answers(connection.response(), "quick")
            connection.expect_end()

    def test_half_closed_inside_a_request_is_the_end(self):
        data = request(tool_calls("cut"))
        for cut in (1, 30, len(data) - 1):
            with Connection(self.daemon.tcp) as connection:
                connection.send(data[:cut])
                connection.finish()
                left = connection.rest()
                self.assertTrue(left == b"" or left.startswith(b"HTTP/1.1 400 "), left)

    def test_clients_that_vanish_disturb_nobody(self):
        data = request(tool_calls("held"))
        for cut in (1, 40, len(data) - 1, len(data)):
            connection = Connection(self.daemon.tcp)
            connection.send(data[:cut])
            connection.reset()
        event = self.control.event()
        event.result("nobody listens")
        self.assert_answers(post(self.daemon.tcp, tool_calls("other")), "other")


class Framing(HttpTest):
    def test_chunked_bodies(self):
        for name, form in {
            "small chunks": {"sizes": (1, 2, 3)},
            "one chunk": {"sizes": (100000,)},
            "upper-case sizes": {"sizes": (0xAB,)},
            "extensions": {"extension": ';name=value;quoted="a b \\" c"'},
            "trailers": {"trailers": ("X-Checksum: 1", "Expires: never")},
        }.items():
            with self.subTest(name), Connection(self.daemon.tcp) as connection:
                body = tool_calls("chunks")
                coded = chunked(body, **form)
                if name == "upper-case sizes":
                    coded = coded.replace(b"ab\r\n", b"AB\r\n")
                self.assert_answers(connection.ask(chunked_request(body, coded)), "chunks")
                self.assert_answers(connection.ask(request(tool_calls("next"))), "next")

    def test_leading_zeros_in_a_chunk_size(self):
        body = tool_calls("zeros")
        coded = f"0000{len(body):X}\r\n".encode() + body + b"\r\n000\r\n\r\n"
        with Connection(self.daemon.tcp) as connection:
            self.assert_answers(connection.ask(chunked_request(body, coded)), "zeros")
            self.assert_answers(connection.ask(request(tool_calls("next"))), "next")

    def test_a_trailer_is_no_header(self):
        body = tool_calls("ping")
        trailers = [f"{name}: {value}" for name, value in sign(body)]
        data = request(body, secret=None, length=False, headers=[("Transfer-Encoding", "chunked")])
        with Connection(self.daemon.tcp) as connection:
            response = connection.ask(data[: -len(body)] + chunked(body, trailers=trailers))
            self.assertEqual(response.status, 401)

    def test_pipelined_chunked_requests(self):
        bodies = [tool_calls(f"t{n}") for n in range(10)]
        with Connection(self.daemon.tcp) as connection:
            connection.send(b"".join(chunked_request(b, chunked(b, (11, 1))) for b in bodies))
            for n in range(10):
                self.assert_answers(connection.response(), f"t{n}")

    def test_expect_100_continue(self):
        for address in (self.daemon.tcp, self.daemon.unix):
            with Connection(address) as connection:
                for turn in range(2):
                    body = tool_calls("patient")
                    data = request(body, headers=[("Expect", "100-continue")])
                    connection.send(data[: -len(body)])
                    connection.interim()
                    connection.send(body)
                    self.assert_answers(connection.response(), "patient")

    def test_expect_100_continue_with_chunks(self):
        body = tool_calls("patient")
        data = chunked_request(body, b"", headers=[("Expect", "100-Continue")])
        with Connection(self.daemon.tcp) as connection:
            connection.send(data)
            connection.interim()
            connection.send(chunked(body))
            self.assert_answers(connection.response(), "patient")

    def test_no_continue_for_what_is_refused_anyway(self):
        expect = ("Expect", "100-continue")
        for status, data in {
            404: request(b"", path="/other", length=False, headers=[expect, ("Content-Length", "50")]),
            405: request(b"", method="PUT", length=False, headers=[expect, ("Content-Length", "50")]),
            413: request(b"", length=False, headers=[expect, ("Content-Length", str(1 << 30))]),
        }.items():
            with self.subTest(status), Connection(self.daemon.tcp) as connection:
                self.assertEqual(connection.ask(data).status, status)

    def test_http_1_0_never_sees_a_100(self):
        with Connection(self.daemon.tcp) as connection:
            data = request(tool_calls("old"), version="HTTP/1.0", headers=[("Expect", "100-continue")])
            self.assert_answers(connection.ask(data), "old")

    def test_byte_by_byte(self):
        for address in (self.daemon.tcp, self.daemon.unix):
            with Connection(address) as connection:
                for byte in request(tool_calls("drops")):
                    connection.send(bytes([byte]))
                self.assert_answers(connection.response(), "drops")

    def test_every_byte_of_a_chunked_request_read_by_itself(self):
        body = tool_calls("drops")
        data = chunked_request(body, chunked(body, (60, 1), ";x=y", ("A: b",)))
        with Connection(self.daemon.unix) as connection:
            for byte in data:
                connection.send(bytes([byte]))
                connection.wait_until_read()
            self.assert_answers(connection.response(), "drops")

    def test_split_anywhere(self):
        with Connection(self.daemon.unix) as connection:
            for cut in range(1, len(request(tool_calls("split"))), 5):
                data = request(tool_calls("split"))
                connection.send(data[:cut])
                connection.wait_until_read()
                # The rest arrives together with the beginning of the next request.
                following = request(tool_calls("next"))
                connection.send(data[cut:] + following[: cut // 2])
                self.assert_answers(connection.response(), "split")
                connection.send(following[cut // 2 :])
                self.assert_answers(connection.response(), "next")

    def test_header_names_in_any_case(self):
        for change in (str.upper, str.lower, str.swapcase):
            body = tool_calls("case")
            headers = [(change(name), value) for name, value in sign(body)]
            headers.append((change("Content-Length"), f" \t {len(body)} \t"))
            data = request(body, secret=None, length=False, headers=headers)
            with Connection(self.daemon.tcp) as connection:
                self.assert_answers(connection.ask(data), "case")

    def test_targets_that_lead_to_the_source(self):
        for target in ("/webhook?x=1", "/webhook?", "/webhook?a=/other&b=?", "http://hooks.example.com/webhook",
                       "http://hooks.example.com:8080/webhook?x=1", "HTTPS://other.example/webhook"):
            with self.subTest(target):
                self.assert_answers(post(self.daemon.tcp, tool_calls("target"), path=target), "target")

    def test_a_large_report_within_the_default_limit(self):
        body = event_body("end-of-call-report", summary="x" * 1_900_000)
        self.assertEqual(post(self.daemon.tcp, body).status, 200)
        self.assertEqual(post(self.daemon.unix, event_body("end-of-call-report", summary="y" * 1_900_000)).status, 200)

    def test_answers_do_not_depend_on_content_type_or_event_header(self):
        body = tool_calls("plain")
        data = request(body, headers=[("X-Webhook-Event", "status-update")])
        data = data.replace(b"Content-Type: application/json", b"Content-Type: text/plain")
        with Connection(self.daemon.tcp) as connection:
            self.assert_answers(connection.ask(data), "plain")


if __name__ == "__main__":
    unittest.main()
