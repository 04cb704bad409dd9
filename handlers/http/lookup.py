#!/usr/bin/env python3
"""A service that looks up contacts, in Python's standard library alone: python3 lookup.py 3000

    [[handler]]
    name = "crm"
    type = "http"
    url = "http://127.0.0.1:3000/"
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTACTS = {"Jan": "+31612345678"}


def reply_to(event):
    if event["type"] == "assistant-request":
        return {"assistant": {"first_message": "Hello, how can I help?"}}
    if event["type"] == "tool-calls":
        name = event["tool_call"]["arguments"].get("query")
        return {"result": CONTACTS[name]} if name in CONTACTS else {"error": f"There is no {name}."}
    return {}  # nobody waits for an answer to the rest; a 2xx says that we have it


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections
    wbufsize = -1  # head and body in one packet

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"reply": reply_to(event)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # it would write who called
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
