"""What the platform sends: event bodies in its three dialects, signed and made into requests.

Every body made here differs from every other (it has a call id of its own), so that no two are duplicates
unless a test wants them to be.
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
import uuid

from rawhttp import Connection

SECRET = "whsec_test_secret_12345"

_serial = itertools.count(1)


def sign(body, secret=SECRET, timestamp=None):
    """The two headers that authenticate a body, signed now unless told otherwise."""
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return [("X-Webhook-Timestamp", timestamp), ("X-Webhook-Signature", "sha256=" + digest)]


def request(body, *, path="/webhook", method="POST", version="HTTP/1.1", secret=SECRET, timestamp=None,
            headers=(), length=True):
    """The bytes of a request. `secret=None` leaves it unsigned, `length=False` without Content-Length."""
    lines = [f"{method} {path} {version}", "Host: hooks.example.com", "Content-Type: application/json"]
    signature = sign(body, secret, timestamp) if secret is not None else []
    for name, value in [*signature, *headers]:
        lines.append(f"{name}: {value}")
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def post(address, body, **more):
    """One signed request on a connection of its own."""
    with Connection(address) as connection:
        return connection.ask(request(body, **more))


class Asking:
    """One request in a thread of its own, while the test plays the worker."""

    def __init__(self, address, body, **more):
        self._outcome = []
        self._thread = threading.Thread(target=self._ask, args=[address, body, more], daemon=True)
        self._thread.start()

    def _ask(self, address, body, more):
        try:
            self._outcome.append(post(address, body, **more))
        except Exception as error:
            self._outcome.append(error)

    def answer(self):
        self._thread.join()
        (outcome,) = self._outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _message(dialect, kind, call_id, status, direction, caller, called, members):
    snake = dialect == "snake"
    call_type = "webCall" if direction == "web" else f"{direction}PhoneCall"
    if snake:
        call_type = "web_call" if direction == "web" else f"{direction}_phone_call"
    own, human = (called, caller) if direction == "inbound" else (caller, called)
    message = {
        "type": kind,
        "timestamp": "2025-12-13T12:00:00.000Z",
        "call": {"id": call_id or str(uuid.uuid4()), "type": call_type, "status": status},
        "phone_number" if snake else "phoneNumber": {"number": own, "name": "Flireo Demo"},
        "customer": {"number": human},
    }
    return json.dumps({"message": {**message, **members}}).encode()


def _legacy(kind, call_id, caller, called, members):
    body = {"eventType": kind, "fromCaller": caller, "toAssistant": called}
    if kind != "assistant-request":
        body["eventTime" if kind == "tool-calls" else "eventTimestamp"] = 1756278882619
        body["callSession" if kind == "status-update" else "callId"] = call_id or str(uuid.uuid4())
    return json.dumps({**body, **members}).encode()


def event_body(kind, dialect="camel", *, call_id=None, status="in-progress", direction="inbound",
               caller="+31612345678", called="+31850835037", **members):
    """A body of the platform, unlike every other: it has a call id of its own unless given one."""
    if dialect == "legacy":
        if kind == "status-update":
            members = {"status": status, **members}
        return _legacy(kind, call_id, caller, called, members)
    return _message(dialect, kind, call_id, status, direction, caller, called, members)


def tool_calls(*calls, dialect="camel", **more):
    """A tool-calls body; each call is a tool name or (name, arguments) or (id, name, arguments)."""
    full = []
    for call in calls:
        call = (call,) if isinstance(call, str) else call
        call = (*call, {}) if len(call) == 1 else call
        full.append(call if len(call) == 3 else (f"tool_{next(_serial)}", *call))
    if dialect == "legacy":
        tasks = [{"taskId": i, "taskName": n, "taskPayload": a} for i, n, a in full]
        return event_body("tool-calls", dialect, tasksInitiated=tasks, **more)
    entries = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in full]
    list_key = "tool_call_list" if dialect == "snake" else "toolCallList"
    return event_body("tool-calls", dialect, **{list_key: entries}, **more)


def only_result(response):
    """The result of an answer to one tool call."""
    (entry,) = response.json()["results"]
    return entry["result"]
