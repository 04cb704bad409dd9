"""A worker that writes down what it is given, before it answers: one line of JSON for each event.

    ledger.py FILE BELL     FILE is added to; a byte goes to the named pipe BELL after each line

All processes add to the same file, so its order is that in which they worked. A line that a kill has cut
off stands for itself, because each begins a new one.
"""

import json
import os
import sys

from link import write

ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
bell = os.open(sys.argv[2], os.O_WRONLY | os.O_NONBLOCK)
write('{"hookswitch":1}\n')
for line in sys.stdin.buffer:
    event = json.loads(line)
    told = {"id": event["id"], "attempt": event["attempt"], "call": event["call"]["id"], "pid": os.getpid(),
            "metadata": event["metadata"]}
    os.write(ledger, b"\n" + json.dumps(told).encode() + b"\n")
    try:
        os.write(bell, b".")
    except BlockingIOError:
        pass  # it has rung already
    write(json.dumps({"id": event["id"], "reply": {}}) + "\n")
