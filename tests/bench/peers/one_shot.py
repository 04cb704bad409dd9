"""A program for one event: reads it, answers it."""
import json
import sys

event = json.load(sys.stdin)
json.dump({"reply": {"result": {"name": "Jan Jansen", "query": event["tool_call"]["arguments"]["query"]}}}, sys.stdout)
