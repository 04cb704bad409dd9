"""A worker that misbehaves as the name of the tool says. Needs no test at the other end.

`well` answers properly. Anything it does not know, it ignores for ever.
"""

import json
import os
import signal
import sys

from link import write

kept = []


def answer(event, text="rogue"):
    write(json.dumps({"id": event["id"], "reply": {"result": text}}) + "\n")


def lines_without_end(_):
    while True:
        write(b'{"id":"nobody","reply":{}}\n' * 1000)


def line_without_end(_):
    while True:
        write(b"x" * 65536)


def complain_without_end(_):
    while True:
        os.write(2, b"all is lost\n" * 1000)


def keep(event):
    kept.append(event)


def backwards(event):
    kept.append(event)
    while len(kept) > 1:
        answer(kept.pop())
    answer(kept.pop())


def twice(event):
    answer(event, "first")
    answer(event, "second")


def answer_the_dead(event):
    for late in kept:
        answer(late, "late")
    kept.clear()
    answer(event)


def half_a_line(event):
    write(json.dumps({"id": event["id"], "reply": {"result": "cut"}})[:-3])
    os._exit(0)


BEHAVIOURS = {
    "well": answer,
    "hang": keep,
    "late": answer_the_dead,
    "backwards": backwards,
    "twice": twice,
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "leave": lambda _: os._exit(0),
    "garbage": lambda _: write(b"Traceback (most recent call last):\n\x00\xff\xfe{]\n\n{}\n[]\nnull\n"),
    "half_a_line": half_a_line,
    "wrong_id": lambda e: answer({**e, "id": "01J00000000000000000000000"}),
    "wrong_form": lambda e: write(json.dumps({"id": e["id"], "reply": "text"}) + "\n"),
    "no_reply": lambda e: write(json.dumps({"id": e["id"]}) + "\n"),
    "numeric_id": lambda e: write(json.dumps({"id": 7, "reply": {}}) + "\n"),
    "lines_without_end": lines_without_end,
    "line_without_end": line_without_end,
    "complain_without_end": complain_without_end,
    "hang_up": lambda _: os.close(1),
}

write('{"hookswitch":1}\n')
for line in sys.stdin.buffer:
    event = json.loads(line)
    BEHAVIOURS.get((event["tool_call"] or {}).get("name"), keep)(event)
