"""Resident memory of a server for each idle keep-alive connection that has carried one request."""
import hashlib
import hmac
import resource
import socket
import time

import bodies
from servers import SECRET, Hookswitch, Nginx
from table import Group, Row

_SPARE_FILES = 500


def measure(bench):
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(bench.size.idle_connections, files - _SPARE_FILES)
    rows = []
    for size, event, template in (("684-byte", "status-update", bodies.status_update()),
                                  ("42 KiB", "end-of-call-report", bodies.end_of_call_report())):
        beside = _per_connection(Nginx(bench.directory / f"idle-nginx-{event}"), count, event, template)
        # Without the duplicate window: what it remembers is an event's cost, not a connection's.
        server = Hookswitch(bench.directory / f"idle-{event}", bench.binary, dedupe_window="0s")
        ours = _per_connection(server, count, event, template)
        rows += [_row(f"nginx, after a {size} request", beside, beside),
                 _row(f"hookswitch, after a {size} request", ours, beside)]
    return Group("memory", f"resident memory per idle connection, {count:,} connections", rows)


def _row(label, figures, nginx):
    return Row(label, f"{figures['each']:,.0f} bytes", figures["each"] / max(nginx["each"], 1), data=figures,
               detail=f"process {figures['before'] / 2**20:.1f} MiB before, {figures['after'] / 2**20:.1f} MiB after")


def _per_connection(server, count, event, template):
    with server:
        connections = [_connection_after_one_request(server.port, event, template, "warm-up")]
        before = server.resident_bytes()
        try:
            for number in range(count):
                connections.append(_connection_after_one_request(server.port, event, template, number))
            after = server.resident_bytes()
        finally:
            for connection in connections:
                connection.close()
    return {"before": before, "after": after, "each": (after - before) / count}


def _connection_after_one_request(port, event, template, number):
    body = template.replace(bodies.PLACEHOLDER, f"{number:>016}").encode()
    timestamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    head = (f"POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Webhook-Event: {event}\r\nX-Webhook-Timestamp: {timestamp}\r\n"
            f"X-Webhook-Signature: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n")
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(head.encode() + body)
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"bench: connection {number}: {answer[:200]!r}")
    return connection
