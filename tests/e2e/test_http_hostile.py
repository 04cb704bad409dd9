"""Requests that a proxy and the daemon could read differently, and bytes that are no request at all.

Each must be refused with 400 and the connection closed, so that nothing behind it is ever taken for a request,
and the daemon must go on serving others.
"""

import os
import unittest

from deliveries import only_result, post, request, sign, tool_calls
from rawhttp import Connection
from support import Daemon, config, reply, route

BODY = tool_calls("ping")


def head(*lines, start="POST /webhook HTTP/1.1"):
    """A signed request head for BODY with these header lines instead of the usual framing."""
    signature = [f"{name}: {value}".encode() for name, value in sign(BODY)]
    lines = [line.encode() if isinstance(line, str) else line for line in lines]
    start = start.encode() if isinstance(start, str) else start
    return b"\r\n".join([start, b"Host: h", *signature, *lines, b"", b""])


LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CODED = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
FIRST_CHUNK = f"{len(BODY):x}\r\n".encode() + BODY

BOTH_LENGTHS = {
    "length then chunked": head(LENGTH, CHUNKED) + CODED,
    "chunked then length": head(CHUNKED, LENGTH) + CODED,
    "length zero and chunked": head("Content-Length: 0", CHUNKED) + CODED,
    "same length twice": head(LENGTH, LENGTH) + BODY,
    "same length, other case": head(LENGTH, LENGTH.lower()) + BODY,
    "two lengths": head(LENGTH, "Content-Length: 0") + BODY,
    "two lengths, other order": head("Content-Length: 0", LENGTH) + BODY,
    "list of lengths": head(f"{LENGTH}, {len(BODY)}") + BODY,
    "chunked twice": head(CHUNKED, CHUNKED) + CODED,
    "chunked, chunked": head("Transfer-Encoding: chunked, chunked") + CODED,
    "chunked, identity": head("Transfer-Encoding: chunked, identity") + CODED,
    "identity, chunked": head("Transfer-Encoding: identity, chunked") + CODED,
    "chunked then identity": head(CHUNKED, "Transfer-Encoding: identity") + CODED,
    "xchunked": head("Transfer-Encoding: xchunked") + CODED,
    "chunkedx": head("Transfer-Encoding: chunkedx") + CODED,
    "quoted chunked": head('Transfer-Encoding: "chunked"') + CODED,
    "chunked with a parameter": head("Transfer-Encoding: chunked;q=1") + CODED,
    "chunked with vertical tab": head("Transfer-Encoding: \x0bchunked") + CODED,
    "identity": head("Transfer-Encoding: identity", LENGTH) + BODY,
    "gzip, chunked": head("Transfer-Encoding: gzip, chunked") + CODED,
    "empty coding": head("Transfer-Encoding:", LENGTH) + BODY,
    "chunked in HTTP/1.0": head(CHUNKED, start="POST /webhook HTTP/1.0") + CODED,
}

BAD_LENGTHS = {
    value: head(f"Content-Length: {value}") + BODY
    for value in ("-1", "+5", f"+{len(BODY)}", f"-{len(BODY)}", "0x10", "5 5", f"{len(BODY)} x", "", "abc",
                  "1e3", "5.0", "9223372036854775808x", "\u0665", ",", "5,")
}

BAD_HEADERS = {
    "folded header": head(LENGTH, "X-Folded: a", " b") + BODY,
    "folded with tab": head(LENGTH, "X-Folded: a", "\tb") + BODY,
    "folded length": head("Content-Length:", f" {len(BODY)}") + BODY,
    "fold as first header": b"POST /webhook HTTP/1.1\r\n Host: h\r\n" + head(LENGTH).split(b"\r\n", 1)[1] + BODY,
    "space before colon": head(f"Content-Length : {len(BODY)}") + BODY,
    "tab before colon": head(f"Content-Length\t: {len(BODY)}") + BODY,
    "space before colon, harmless header": head(LENGTH, "X-Any : a") + BODY,
    "space in name": head(LENGTH, "X Any: a") + BODY,
    "no colon": head(LENGTH, "X-Any") + BODY,
    "no name": head(LENGTH, ": a") + BODY,
    "NUL in value": head(LENGTH, b"X-Any: a\0b") + BODY,
    "NUL in name": head(LENGTH, b"X-\0Any: a") + BODY,
    "control in value": head(LENGTH, b"X-Any: a\x01b") + BODY,
    "delete in value": head(LENGTH, b"X-Any: a\x7fb") + BODY,
    "bare CR in value": head(LENGTH, b"X-Any: a\rb") + BODY,
    "bare CR hides a header": head(LENGTH, b"X-Any: a\rContent-Length: 0") + BODY,
    "bare LF after a header": head(LENGTH, b"X-Any: a\nX-Other: b") + BODY,
    "bare LF everywhere": head(LENGTH).replace(b"\r\n", b"\n") + BODY,
    "bare LF ends the head": head(LENGTH)[:-2] + b"\n" + BODY,
    "bare LF after the request line": head(LENGTH).replace(b"\r\n", b"\n", 1) + BODY,
    "no host": head(LENGTH).replace(b"Host: h\r\n", b"") + BODY,
    "two hosts": head(LENGTH, "Host: other") + BODY,
}

BAD_CHUNKS = {
    "not hexadecimal": b"zz\r\n" + BODY,
    "empty size": b"\r\n" + BODY,
    "negative": b"-5\r\n" + BODY,
    "plus": b"+5\r\n" + BODY,
    "0x": f"0x{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n",
    "leading space": b" " + CODED,
    "size twice": f"{len(BODY):x} 5\r\n".encode() + BODY + b"\r\n0\r\n\r\n",
    "junk after the data": FIRST_CHUNK + b"XX0\r\n\r\n",
    "no line end after the data": FIRST_CHUNK + b"0\r\n\r\n\r\n",
    "bare LF after the size": CODED.replace(b"\r\n", b"\n", 1),
    "bare CR after the size": CODED.replace(b"\r\n", b"\rX", 1),
    "bare LF after the data": FIRST_CHUNK + b"\n0\r\n\r\n",
    "bare LF in an extension": f"{len(BODY):x};a\nb\r\n".encode() + BODY + b"\r\n0\r\n\r\n",
    "bare LF ends the body": CODED[:-4] + b"\n\n",
    "folded trailer": CODED[:-2] + b"X-T: a\r\n b\r\n\r\n",
    "trailer without colon": CODED[:-2] + b"GET / HTTP/1.1\r\n\r\n",
}

# Numbers, but none that fits 64 bits: malformed or too large, as one likes to see it; never wrapped round.
OVERFLOWS = {
    "length of 2^64": head("Content-Length: 18446744073709551616") + BODY,
    "length of 2^64 more than the body": head(f"Content-Length: {2**64 + len(BODY)}") + BODY,
    "length of 2^63": head("Content-Length: 9223372036854775808") + BODY,
    "long length": head("Content-Length: " + "9" * 400) + BODY,
    "chunk of 2^68": head(CHUNKED) + b"FFFFFFFFFFFFFFFFF\r\n" + BODY,
    "chunk of 2^64 - 1": head(CHUNKED) + b"ffffffffffffffff\r\n" + BODY,
    "chunk of 2^64 more than the body": head(CHUNKED) + f"1{len(BODY):016x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n",
}

BAD_STARTS = {
    "HTTP/0.9": b"GET /webhook\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "HTTP/2.0": head(LENGTH, start="POST /webhook HTTP/2.0") + BODY,
    "HTTP/0.1": head(LENGTH, start="POST /webhook HTTP/0.1") + BODY,
    "HTTP/1.10": head(LENGTH, start="POST /webhook HTTP/1.10") + BODY,
    "lower-case protocol": head(LENGTH, start="POST /webhook http/1.1") + BODY,
    "other protocol": head(LENGTH, start="POST /webhook ICY/1.1") + BODY,
    "two spaces": head(LENGTH, start="POST  /webhook HTTP/1.1") + BODY,
    "space in the target": head(LENGTH, start="POST /web hook HTTP/1.1") + BODY,
    "tab instead of space": head(LENGTH, start="POST\t/webhook\tHTTP/1.1") + BODY,
    "space at the end": head(LENGTH, start="POST /webhook HTTP/1.1 ") + BODY,
    "space at the start": head(LENGTH, start=" POST /webhook HTTP/1.1") + BODY,
    "no target": head(LENGTH, start="POST HTTP/1.1") + BODY,
    "no method": head(LENGTH, start="/webhook HTTP/1.1") + BODY,
    "NUL in the target": head(LENGTH, start=b"POST /web\0hook HTTP/1.1") + BODY,
    "control in the target": head(LENGTH, start=b"POST /web\x01hook HTTP/1.1") + BODY,
    "brackets in the method": head(LENGTH, start="PO(ST /webhook HTTP/1.1") + BODY,
    "NUL in the method": head(LENGTH, start=b"PO\0ST /webhook HTTP/1.1") + BODY,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\x20" + bytes(460),
    "zeros": bytes(2000),
    "high bytes": b"\xff" * 2000,
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "proxy protocol": b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n" + head(LENGTH) + BODY,
    "an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = config(
            # So that waiting for more bytes instead of refusing shows up as 408 in good time.
            server={"request_timeout": "4s"},
            handlers=[reply("fixed", {"result": "ok"})],
            routes=[route("tool-calls", "fixed")],
        )
        cls.daemon = cls.enterClassContext(Daemon(text))

    def assert_serves(self):
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("ping"))), "ok")

    def assert_refused(self, cases, codes=((400, "bad_request"),)):
        for name, data in cases.items():
            for address in (self.daemon.tcp, self.daemon.unix):
                with self.subTest(name, address=address), Connection(address) as connection:
                    # What follows is a request of its own, and must never be answered.
                    connection.send_what_it_takes(data + request(tool_calls("smuggled")))
                    response = connection.response()
                    self.assertIn((response.status, response.code), codes)
                    self.assertTrue(response.closes)
                    connection.expect_end()
        self.assert_serves()

    def test_the_bodies_and_heads_used_here_are_good_in_themselves(self):
        for data in (head(LENGTH) + BODY, head(CHUNKED) + CODED, head("Transfer-Encoding: CHUNKED") + CODED,
                     head("Content-Length: 000" + str(len(BODY))) + BODY):
            with Connection(self.daemon.tcp) as connection:
                self.assertEqual(connection.ask(data).status, 200, data)

    def test_two_opinions_about_the_length(self):
        self.assert_refused(BOTH_LENGTHS)

    def test_lengths_that_are_no_number(self):
        self.assert_refused(BAD_LENGTHS)

    def test_lengths_that_do_not_fit(self):
        self.assert_refused(OVERFLOWS, ((400, "bad_request"), (413, "body_too_large")))

    def test_header_lines(self):
        self.assert_refused(BAD_HEADERS)

    def test_chunks(self):
        self.assert_refused({name: head(CHUNKED) + coded for name, coded in BAD_CHUNKS.items()})

    def test_request_lines_and_other_protocols(self):
        self.assert_refused(BAD_STARTS)

    def test_an_answer_reaches_a_client_that_is_still_sending(self):
        """Closing with unread bytes makes the kernel send RST, which can overtake the answer."""
        for _ in range(10):
            with Connection(self.daemon.tcp) as connection:
                connection.send_what_it_takes(b"NONSENSE\r\n\r\n" + bytes(300_000))
                self.assertEqual(connection.response().status, 400)

    def test_refusals_are_logged_without_the_sender_writing_the_log(self):
        before = len(self.daemon.records("request.refused"))
        while len(records := self.daemon.records("request.refused")) == before:  # not each: they are limited
            with Connection(self.daemon.tcp) as connection:
                connection.ask(b'POST /a","level":"error HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n')
        record = records[-1]
        self.assertIn(str(record["status"]), ("400", "404"))
        self.assertTrue(record["why"])
        self.assertTrue(record["peer"].startswith("127.0.0.1"), record)

    def test_noise(self):
        for size in (1, 3, 100, 5000):
            for _ in range(25):
                with Connection(self.daemon.tcp) as connection:
                    connection.send_what_it_takes(os.urandom(size))
                    try:
                        connection.finish()
                    except OSError:
                        pass  # already refused
                    left = connection.rest()
                    self.assertTrue(left == b"" or left.startswith(b"HTTP/1.1 4"), left)
        self.assert_serves()

    def test_a_good_request_with_one_byte_changed(self):
        """Whatever it turns into: an answer or a close, and the next client is served."""
        good = head(LENGTH) + BODY
        for at in range(0, len(good), 3):
            for byte in (b"\0", b"\n", b"\r", b" ", b":", b"\xff"):
                with Connection(self.daemon.tcp) as connection:
                    connection.send_what_it_takes(good[:at] + byte + good[at + 1 :])
                    try:
                        connection.finish()
                    except OSError:
                        pass
                    left = connection.rest()
                    self.assertTrue(left == b"" or left.startswith(b"HTTP/1.1 "), left)
        self.assert_serves()


if __name__ == "__main__":
    unittest.main()
