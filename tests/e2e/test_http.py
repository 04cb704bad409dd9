"""The HTTP table of the outer contract, over TCP and over a Unix socket.

How requests may be cut and joined is in test_http_framing.py, limits and clocks in test_http_limits.py, what
must be refused in test_http_hostile.py.
"""

import unittest

from deliveries import event_body, post, request, sign, tool_calls
from http_case import HttpTest
from rawhttp import Connection


class Table:
    """The rows of the table, for each kind of listener."""

    def test_tool_calls_are_answered_in_the_body(self):
        body = tool_calls(("tool_1", "ping", {}), ("tool_2", "pong", {}))
        response = post(self.address, body)
        self.assertEqual(response.status, 200)
        self.assertEqual(
            response.json(),
            {"results": [{"toolCallId": "tool_1", "result": "ping"}, {"toolCallId": "tool_2", "result": "pong"}]},
        )

    def test_assistant_request_without_a_route_keeps_the_saved_configuration(self):
        response = post(self.address, event_body("assistant-request"))
        self.assertEqual((response.status, response.json()), (200, {}))

    def test_told_only_events_are_acknowledged(self):
        for kind in ("status-update", "end-of-call-report", "call-quality", "something new"):
            with self.subTest(kind):
                response = post(self.address, event_body(kind))
                self.assertEqual((response.status, response.json()), (200, {}))
                self.assertIsNone(response.header("x-hookswitch-duplicate"))

    def test_duplicates_get_the_first_answer_again(self):
        for body in (tool_calls("ping"), event_body("status-update"), event_body("assistant-request")):
            first, second = post(self.address, body), post(self.address, body)
            self.assertIsNone(first.header("x-hookswitch-duplicate"))
            self.assertEqual(second.header("x-hookswitch-duplicate"), "true")
            self.assertEqual((second.status, second.body), (200, first.body))

    def test_unknown_path_is_404(self):
        for path in ("/", "/other", "/webhook/", "/webhook/more", "//webhook", "/WEBHOOK", "/webhoo", "/webhook%00"):
            with self.subTest(path), Connection(self.address) as connection:
                response = connection.ask(request(tool_calls("ping"), path=path))
                self.assertEqual((response.status, response.code), (404, "not_found"))
                self.assert_usable_or_closed(connection, response)

    def test_other_method_is_405(self):
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"):
            for body in (b"", tool_calls("ping")):
                with self.subTest(method, body=bool(body)), Connection(self.address) as connection:
                    response = connection.ask(request(body, method=method))
                    self.assertEqual((response.status, response.code), (405, "method_not_allowed"))
                    self.assertEqual(response.header("allow"), "POST")
                    self.assert_usable_or_closed(connection, response)

    def test_head_is_405_without_a_body(self):
        with Connection(self.address) as connection:
            connection.send(request(b"", method="HEAD"))
            response = connection.response(to_head=True)
            self.assertEqual((response.status, response.header("allow")), (405, "POST"))
            self.assert_usable_or_closed(connection, response)

    def test_method_matters_only_on_a_known_path(self):
        with Connection(self.address) as connection:
            self.assertEqual(connection.ask(request(b"", method="GET", path="/other")).status, 404)

    def test_unsigned_wrong_and_stale_are_401(self):
        body = tool_calls("ping")
        for name, data in {
            "unsigned": request(body, secret=None),
            "other secret": request(body, secret="other"),
            "stale": request(body, timestamp=1700000000),
        }.items():
            with self.subTest(name), Connection(self.address) as connection:
                response = connection.ask(data)
                self.assertEqual((response.status, response.code), (401, "unauthorized"))
                self.assert_usable_or_closed(connection, response)

    def test_two_signatures_or_timestamps_are_401(self):
        body = tool_calls("ping")
        (stamp, good) = sign(body)
        bad = ("X-Webhook-Signature", "sha256=" + "0" * 64)
        old = ("X-Webhook-Timestamp", "1700000000")
        for headers in ([stamp, good, good], [stamp, bad, good], [stamp, good, bad], [stamp, stamp, good],
                        [old, stamp, good], [stamp, old, good]):
            response = post(self.address, body, secret=None, headers=headers)
            self.assertEqual(response.status, 401, headers)

    def test_body_over_the_limit_is_413_and_closes(self):
        with Connection(self.address) as connection:
            connection.send(request(b"", length=False, headers=[("Content-Length", str(2 * 1024 * 1024 + 1))]))
            response = connection.response()
            self.assertEqual((response.status, response.code), (413, "body_too_large"))
            self.assertTrue(response.closes)
            connection.expect_end()

    def test_malformed_http_is_400_and_closes(self):
        with Connection(self.address) as connection:
            response = connection.ask(b"NONSENSE\r\n\r\n")
            self.assertEqual((response.status, response.code), (400, "bad_request"))
            self.assertTrue(response.closes)
            connection.expect_end()

    def test_body_without_an_event_is_400_and_leaves_the_connection(self):
        for body in (b"", b"hello", b"[]", b"null", b"{}", b'{"message":{}}', b'{"message":{"type":'):
            with self.subTest(body), Connection(self.address) as connection:
                response = connection.ask(request(body))
                self.assertEqual((response.status, response.code), (400, "malformed_body"))
                self.assert_usable_or_closed(connection, response)

    def test_a_refused_body_is_not_remembered(self):
        for _ in range(2):
            response = post(self.address, b'{"message":{"call":{"id":"x"}}}')
            self.assertEqual(response.status, 400)
            self.assertIsNone(response.header("x-hookswitch-duplicate"))


class TableOverTcp(Table, HttpTest):
    @property
    def address(self):
        return self.daemon.tcp


class TableOverUnixSocket(Table, HttpTest):
    @property
    def address(self):
        return self.daemon.unix


if __name__ == "__main__":
    unittest.main()
