"""A platform that notes what it is asked and answers what a test wants."""

import http.server
import json
import threading


class Asked:
    def __init__(self, handler, body):
        self.method = handler.command
        self.path, _, self.query = handler.path.partition("?")
        self.headers = handler.headers
        self.body = body

    def json(self):
        return json.loads(self.body)


class PlatformStub:
    """Serves http://127.0.0.1:PORT/api/v1. `answers` holds (status, body) or (status, body, headers), one for
    each request, or functions of the request; the last one is given again and again. A body that is not bytes
    is sent as JSON."""

    def __init__(self, *answers, port=0):
        self.answers = list(answers) or [(200, {})]
        self.asked = []
        self.connections = 0
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                stub.connections += 1
                super().setup()

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.asked.append(Asked(self, body))
                status, body, headers = stub.next_answer(stub.asked[-1])
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if status != 204 else b"")

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @classmethod
    def again(cls, other, *answers):
        """Another one at the address of one that is closed."""
        return cls(*answers, port=other.server.server_address[1])

    def next_answer(self, asked):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, body, *more = answer(asked) if callable(answer) else answer
        if not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
        return status, body, more[0] if more else {}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
