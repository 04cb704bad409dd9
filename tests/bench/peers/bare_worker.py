"""A worker without the kit: reads one event a line, answers one a line."""
import json
import sys

print('{"hookswitch":1}', flush=True)
for line in sys.stdin:
    event = json.loads(line)
    result = {"name": "Jan Jansen", "query": event["tool_call"]["arguments"]["query"]}
    print(json.dumps({"id": event["id"], "reply": {"result": result}}), flush=True)
