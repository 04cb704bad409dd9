"""A receiver of webhooks whose every answer is the test's."""

import hashlib
import hmac
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG = object()  # an answer that never comes
CLOSE = object()  # the connection ends instead of an answer


class Got:
    """One request as it arrived."""

    def __init__(self, path, headers, raw):
        self.path, self.headers, self.raw = path, headers, raw
        self.body = json.loads(raw)
        self.message = self.body.get("message", self.body)
        self.type = self.message.get("type") or self.message.get("eventType")
        self.call = self.message.get("call", {}).get("id") or self.message.get("callId") or self.message.get("callSession")
        self.status = self.message.get("call", {}).get("status") or self.message.get("status")

    def signed_with(self, secret):
        signed = self.headers["X-Webhook-Timestamp"].encode() + b"." + self.raw
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return self.headers["X-Webhook-Signature"] == "sha256=" + digest


class Receiver:
    """Context manager. `answer(got)` gives the body (200), or (status, body), or HANG, or CLOSE.

    It listens on 127.0.0.1, or on the Unix socket `unix`; with TLS if given an ssl.SSLContext.
    """

    def __init__(self, answer=lambda got: {}, unix=None, tls=None):
        self.got = []
        self.connections = 0
        self._unix, self._tls = unix, tls
        self._answer = answer
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self):
        receiver, unix, tls = self, self._unix, self._tls

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                with receiver._lock:
                    receiver.connections += 1
                super().setup()

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._take(self, Got(self.path, self.headers, raw))

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256
            address_family = socket.AF_UNIX if unix else socket.AF_INET

            def server_bind(self):  # HTTPServer's own wants a host and a port
                self.socket.bind(self.server_address)
                self.server_address = self.socket.getsockname()

            def get_request(self):
                accepted, address = super().get_request()
                return (tls.wrap_socket(accepted, server_side=True) if tls else accepted), address

            def handle_error(self, *_):  # a simulator that has given up on an answer
                pass

        self._server = Server(str(unix) if unix else ("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        if unix:
            self.url = f"unix:{unix}:/webhook"
        else:
            self.address = f"127.0.0.1:{self._server.server_address[1]}"
            self.url = f"http{'s' if tls else ''}://{self.address}/webhook"
        return self

    def __exit__(self, *_):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, handler, got):
        with self._lock:
            self.got.append(got)
        answer = self._answer(got)
        if answer is HANG:
            self._over.wait()
        if answer is HANG or answer is CLOSE:
            handler.close_connection = True
            return
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def types(self):
        with self._lock:
            return [got.type for got in self.got]

    def of(self, type):
        with self._lock:
            return [got for got in self.got if got.type == type]
