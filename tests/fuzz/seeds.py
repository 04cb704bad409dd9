#!/usr/bin/env python3
"""Writes what the fuzz targets begin with: seeds.py DIRECTORY makes DIRECTORY/<target>/ for each of them.

From the recorded bodies in tests/fixtures, the configurations in config/, and requests written by hand.
The first byte of a seed says how the target cuts the rest into pieces (fuzz.hpp).
"""

import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = [p.read_bytes() for p in sorted((TESTS / "fixtures").glob("*-*.json"))]
CONFIGS = [p.read_bytes() for p in sorted((TESTS.parent / "config").glob("*.toml"))]

STATUS = b'{"message":{"type":"status-update","call":{"id":"c1","type":"inboundPhoneCall","status":"ended"}}}'
CALL = b'{"id":"t1","function":{"name":"book","arguments":{"guests":2}}}'
TOOLS = b'{"message":{"type":"tool-calls","call":{"id":"c1"},"toolCallList":[' + CALL + b"]}}"
REQUEST = b'{"message":{"type":"assistant-request","call":{"id":"c1","type":"inbound_phone_call"}}}'


def post(body, *fields, path=b"/webhook", version=b"1.1", length=True):
    head = [b"POST " + path + b" HTTP/" + version, b"Host: hooks.example.com", *fields]
    if length:
        head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunked(coded, *fields):
    return post(coded, b"Transfer-Encoding: chunked", *fields, length=False)


def in_chunks(body, extension=b"", trailers=b""):
    pieces = [body[at : at + 40] for at in range(0, len(body), 40)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in pieces) + b"0\r\n" + trailers + b"\r\n"


# 0x01 becomes 66,000 spaces in the session target: a body that outgrows the usual buffer.
LARGE = post(b"", length=False)[:-2] + b"Content-Length: %d\r\n\r\n" % (len(TOOLS) + 66000) + TOOLS + b"\x01"

REQUESTS = [
    post(STATUS),
    post(STATUS) + post(TOOLS) + post(STATUS) + post(REQUEST),
    post(TOOLS, b"Expect: 100-continue"),
    post(TOOLS, b"X-Webhook-Signature: sha256=" + b"ab" * 32, b"X-Webhook-Timestamp: 1700000000", path=b"/signed"),
    post(TOOLS, b"X-Webhook-Signature: 00", b"x-webhook-signature: 11", path=b"/signed"),
    post(TOOLS, b"X-Forwarded-For: 192.0.2.1, 2001:db8::1", b'Forwarded: for="[2001:db8::7]:80";proto=https'),
    post(TOOLS, b"Connection: close"),
    post(REQUEST, version=b"1.0"),
    post(REQUEST, b"Connection: keep-alive", version=b"1.0") + post(REQUEST),
    post(STATUS, path=b"http://hooks.example.com/webhook?x=1#y"),
    post(STATUS, path=b"/nothing") + post(STATUS),
    post(b"") + post(STATUS),
    post(b"{}") + post(STATUS),
    b"GET /webhook HTTP/1.1\r\nHost: a\r\n\r\n" + post(STATUS),
    b"HEAD /webhook HTTP/1.1\r\nHost: a\r\n\r\n",
    chunked(in_chunks(TOOLS)) + post(STATUS),
    chunked(in_chunks(TOOLS, b";a=b;c=\"d\"", b"X-Trailer: 1\r\n"), b"Expect: 100-continue") + post(TOOLS),
    chunked(b"0\r\n\r\n"),
    chunked(b"ffff\r\n"),
    chunked(b"0x2\r\n{}\r\n0\r\n\r\n"),
    chunked(b"2\n{}\n0\n\n"),
    chunked(b"2 ;x\r\n{}\r\n000\r\nA: 1\r\n b\r\n\r\n"),
    post(STATUS, b"Content-Length: 5"),
    post(STATUS, b"Transfer-Encoding: chunked"),
    post(STATUS, b"Transfer-Encoding: gzip, chunked", length=False),
    post(STATUS, b"X-A: 1\r\n folded"),
    post(STATUS, b"Content-Length : 3"),
    post(STATUS).replace(b"\r\n", b"\n"),
    post(STATUS, *(b"X-%d: y" % n for n in range(12))),
    post(STATUS, b"X-A: " + b"a" * 1000),
    LARGE + post(STATUS),
]

FRAMES = [
    b'{"hookswitch":1}\n{"id":"e1","reply":{"result":[1,"a\\nb"]}}\n',
    b'{"id":"e1"}\n\n{"id":"e1","reply":null,"error":null}\nno newline',
    b'{"id":"e1","error":{"message":"CRM is down","retry":true},"extra":1}\n',
    b'{"id":"e1","reply":{},"actions":[{"type":"end"}]}\n{"call":"c1","actions":[{"type":"say"}]}\n',
    b'{"id":7}\n{"call":7}\n[]\n17\n{"id":"\xff"}\n',
    b"x" * 299 + b"\n" + b"x" * 300 + b"\n" + b"x" * 301 + b"\n{}\n",
]

# Nesting at the parser's limit, where what is written again must not be deeper than what was read.
DEEP = [
    b'{"message":{"type":"tool-calls","toolCallList":[{"id":"t","function":{"name":"n","arguments":"{\\"a\\":'
    + b"[" * n + b"]" * n + b'}"}}]}}'
    for n in (1000, 1019, 1020)
] + [
    b'{"message":{"type":"end-of-call-report","analysis":' + b"[" * n + b"]" * n + b"}}" for n in (1000, 1021, 1022)
] + [b'{"result":' + b"[" * n + b"]" * n + b"}" for n in (1000, 1022, 1023)]

REPLIES = [
    b'{"result":"text"}',
    b'{"error":"text","result":{"a":[1,2.5e300,-0,null,true]}}',
    b'{"assistant":{"first_message":"Hi","llm_config":{"tools":[{"async_response":true}]},"tts_config":{"voice_id":'
    b'"v"},"analysis_plan":{"min_messages_threshold":2}},"max_duration_seconds":9}',
    b'{"assistant_override":{"firstMessage":"\\ud83d\\ude00 \\ud83d"},"maxDurationSeconds":123456789012345678901234}',
]

SETTINGS = b"""[server]
listen = ["localhost:0", "[::1]:8080", "unix:hook.sock", "systemd"]
max_body = "1MiB"
request_timeout = "2s"
trusted_proxies = ["10.0.0.0/8"]
[log]
level = "debug"
format = "journald"
[journal]
sync = "off"
dedupe_window = "0s"
[[source]]
name = "main"
path = "/webhook"
dialect = "auto"
insecure_no_signature = true
[[handler]]
name = "desk"
type = "worker"
command = ["python3", "desk.py"]
environment = { KEY = "value" }
hang_timeout = "1s"
[[handler]]
name = "rules"
type = "reply"
timezone = "Europe/Amsterdam"
hours = ["Mon-Fri 09:00-17:30"]
holidays = ["12-25", "2030-01-01"]
reply = { result = "${tool_call.arguments.query:-none} $${x}" }
[[handler.case]]
when = { open = true, "tool_call.arguments.n" = { at_least = 8 }, caller = ["+31*", "06?"] }
unless = { hours = ["Sat 10:00-14:00"], caller_list = "vip.txt" }
reply = { error = "no" }
[[route]]
event = ["tool-*", "assistant-request"]
tool = "book"
handler = "desk"
timeout = "2s"
fallback = { result = 1 }
[[route]]
handler = "rules"
"""

SEEDS = {
    "session": [how + r for r in REQUESTS for how in (b"\x05", b"\xff")],
    "request_head": [how + r for r in REQUESTS for how in (b"\x00", b"\x05")]
    + [b"\x05" + r.split(b"\r\n\r\n", 1)[1] for r in REQUESTS if b"chunked" in r],
    "event": [how + b for b in FIXTURES + DEEP + REPLIES + [STATUS, TOOLS, REQUEST] for how in (b"\x00", b"\x02")],
    "worker_frame": [how + f for f in FRAMES for how in (b"\x00", b"\x09")],
    "config": CONFIGS + [SETTINGS, *SETTINGS.split(b"[[")],
}


def main(directory):
    for target, seeds in SEEDS.items():
        folder = pathlib.Path(directory, target)
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"{number:03}").write_bytes(seed)


if __name__ == "__main__":
    main(sys.argv[1])
