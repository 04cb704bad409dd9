#!/usr/bin/env python3
"""Keeps the report of each call as a file. A handler of type "exec": started for each event.

It writes no answer, for nobody waits for one. If it fails, the event comes again, as the handler's `retry` says.
"""
import json
import os
import sys
from pathlib import Path

event = json.load(sys.stdin)
if event["report"]:
    directory = Path(os.environ.get("REPORTS", "."))
    name = event["id"]  # the same if it comes again: one file all the same
    unfinished = directory / f".{name}"
    unfinished.write_text(json.dumps(event, ensure_ascii=False), encoding="utf-8")
    unfinished.rename(directory / f"{name}.json")
    print("kept", name, file=sys.stderr)  # goes to the daemon's log
