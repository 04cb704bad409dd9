"""A worker that answers at once and shows what it was given.

A tool call gets the whole normalised event as its result, an assistant-request gets it as metadata of the
assistant; with a control socket the test sees each event too.
"""

import json
import os
import sys

from link import Link, write

link = Link() if "HOOKSWITCH_TEST_CONTROL" in os.environ else None
write('{"hookswitch":1}\n')
for line in sys.stdin.buffer:
    event = json.loads(line)
    if link:
        link.tell(line=line.decode())
    answer = {"id": event["id"]}
    if event["type"] == "tool-calls":
        answer["reply"] = {"result": event}
    elif event["type"] == "assistant-request":
        answer["reply"] = {"assistant": {"metadata": {"event": event}}}
    else:
        answer["reply"] = {}
    write(json.dumps(answer) + "\n")
