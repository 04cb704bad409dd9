"""A client that sends exactly the bytes it is given and reads answers without forgiving anything.

`http.client` would repair or refuse most of what the tests want to send, and would overlook most of what a
daemon must not answer. Addresses are "host:port" or "unix:/path".
"""

import array
import fcntl
import json
import re
import select
import socket
import struct
import termios
import time

# How long anything that must happen may take. Generous (sanitizers, two slow cores): it is only spent on failure.
PATIENCE = 20.0

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) (\d{3}) ([\x20-\x7e]*)\Z")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t]*?)[ \t]*\Z")

# Everything the daemon may say about itself. One header more would be a change of the outer contract.
_KNOWN_HEADERS = {
    "allow",
    "connection",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "x-hookswitch-duplicate",
}


class Broken(AssertionError):
    """The daemon sent something that is no HTTP answer, or closed where an answer was due."""


class Response:
    def __init__(self, version, status, headers, body):
        self.version = version
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        """The one value of a header, None without it; several are a fault in themselves."""
        found = [value for key, value in self.headers if key == name.lower()]
        if len(found) > 1:
            raise Broken(f"header {name} came {len(found)} times: {self}")
        return found[0] if found else None

    def json(self):
        return json.loads(self.body)

    @property
    def closes(self):
        tokens = [token.strip().lower() for token in (self.header("connection") or "").split(",")]
        return "close" in tokens or (self.version == 0 and "keep-alive" not in tokens)

    @property
    def code(self):
        """error.code of an error answer."""
        return self.json()["error"]["code"]

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:300]!r}>"


class Connection:
    """One connection, used by one thread."""

    def __init__(self, address, timeout=PATIENCE, source=None):
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address[len("unix:") :])
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout, source and (source, 0))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes as a crashed client does: with RST where the transport knows one."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_what_it_takes(self, data):
        """Sends hostile input, whose receiver may close before the end."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def finish(self):
        """No more requests from here: half a close."""
        self.socket.shutdown(socket.SHUT_WR)

    def wait_until_read(self):
        """Returns when the daemon has read all that was sent. Only a Unix socket tells."""
        deadline = time.monotonic() + PATIENCE
        pending = array.array("i", [1])
        while True:
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, pending)
            if pending[0] == 0:
                return
            if time.monotonic() > deadline:
                raise Broken(f"{pending[0]} bytes were never read")
            select.select([], [], [], 0.0005)

    def readable(self, seconds):
        return bool(self._buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def ask(self, data):
        self.send(data)
        return self.response()

    def interim(self):
        """Reads `100 Continue`, which has no body."""
        head = self._until(b"\r\n\r\n")
        if head != b"HTTP/1.1 100 Continue":
            raise Broken(f"expected 100 Continue, got {head!r}")

    def response(self, to_head=False, strict=True):
        """The next answer. `to_head`: the request was HEAD, no body follows whatever the length says."""
        lines = self._until(b"\r\n\r\n").split(b"\r\n")
        status = _STATUS_LINE.match(lines[0])
        if not status:
            raise Broken(f"no status line: {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            header = _HEADER_LINE.match(line)
            if not header:
                raise Broken(f"no header line: {line!r}")
            headers.append((header[1].decode().lower(), header[2].decode()))
        response = Response(int(status[1]), int(status[2]), headers, b"")
        length = response.header("content-length")
        if length is None or not length.isdigit():
            raise Broken(f"answer without a usable Content-Length: {response}")
        if not to_head:
            response.body = self._exactly(int(length))
        if strict:
            self._check(response)
        return response

    def rest(self):
        """Everything up to the daemon's close; a reset counts as a close."""
        data, self._buffer = self._buffer, b""
        try:
            while chunk := self.socket.recv(65536):
                data += chunk
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise Broken(f"the connection stays open, after {data!r}") from None
        return data

    def expect_end(self):
        left = self.rest()
        if left:
            raise Broken(f"more than the answer: {left!r}")

    @staticmethod
    def _check(response):
        unknown = {name for name, _ in response.headers} - _KNOWN_HEADERS
        if unknown:
            raise Broken(f"headers outside the contract: {unknown}: {response}")
        if response.header("date") is None:
            raise Broken(f"no Date: {response}")
        if response.header("content-type") != "application/json":
            raise Broken(f"Content-Type is not application/json: {response}")
        if response.status >= 400 and response.body:
            error = response.json()["error"]
            if set(error) != {"code", "message"} or not all(isinstance(v, str) and v for v in error.values()):
                raise Broken(f"not the error form of the contract: {response}")

    def _until(self, mark):
        while mark not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, size):
        while len(self._buffer) < size:
            self._more()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _more(self):
        try:
            chunk = self.socket.recv(65536)
        except TimeoutError:
            raise Broken(f"no answer in {self.socket.gettimeout()} s, so far {self._buffer!r}") from None
        except ConnectionResetError:
            raise Broken(f"connection reset, so far {self._buffer!r}") from None
        if not chunk:
            raise Broken(f"closed without a whole answer, so far {self._buffer!r}")
        self._buffer += chunk
