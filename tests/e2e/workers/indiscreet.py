"""A worker that says of its callers what it should keep to itself: on standard error, in errors, in garbage."""

import json
import sys

from link import write

write('{"hookswitch":1}\n')
for line in sys.stdin.buffer:
    event = json.loads(line)
    caller = event["caller"] or "nobody"
    print(f"looking up {caller} (national 06 12 34 56 78)", file=sys.stderr, flush=True)
    if event["type"] == "tool-calls":
        write(f'the caller {caller} said: {json.dumps(event["tool_call"]["arguments"])}\n')
        reply = {"id": event["id"], "reply": {"result": "ok"},
                 "actions": [{"type": "say", "content": "I will call you back at " + caller},
                             {"type": "transfer", "destination": "call 0612345678, said the caller"}]}
        write(json.dumps(reply) + "\n")
    else:
        message = f"no contact for {caller}"
        write(json.dumps({"id": event["id"], "error": {"message": message, "retry": False}}) + "\n")
