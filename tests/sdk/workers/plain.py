"""The handlers that behaviour.py describes, as plain functions."""

import os
import subprocess
import sys
import threading

from hookswitch import Retry, ToolError, assistant_request, on, run, status_update, tool

released = threading.Event()


@tool
def echo(text):
    return text


@tool
def add(a, b=10):
    return [a, b]


@tool
def nothing():
    pass


@tool("numbers")
def some_numbers(event):
    return [1, 2.5, True, None]


@tool
def refuse():
    raise ToolError("Not on Sundays.")


@tool
def again():
    raise Retry("CRM is down")


@tool
def crash():
    raise ValueError("kaputt")


@tool
def leave():
    sys.exit(3)


@tool
def chatty():
    print("from the handler")
    sys.stdout.write("from the handler €\n")
    os.write(1, b"from the handler\n")
    subprocess.run(["echo", "from the handler"], check=True)
    return "ok"


@tool
def nan():
    return {"score": float("nan")}


@tool
def opaque():
    return object()


@tool
def child():
    return subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout.decode()


@tool
def left(event):
    return event.remaining()


@tool
def act(event):
    event.say("One moment.")
    event.say("Goodbye.", end_after=True)
    event.inject_context("code 4821", trigger_response=True)
    event.transfer("+31201234567", "I connect you.")
    event.transfer("sip:desk@example.com")
    event.end_call()
    return "done"


@tool
def wait():
    released.wait()
    return "waited"


@tool
def release():
    released.set()


@tool
def later(event):
    def search():
        released.wait()
        event.say("Found it.")

    threading.Thread(target=search, daemon=True).start()
    return "searching"


@tool
def read_byte(path):
    with open(path, "rb", buffering=0) as file:
        print("about to read")
        return file.read(1).decode()


@assistant_request
def greet(event):
    if event.called == "list":
        return []
    if event.called == "closed":
        raise ToolError("We are closed.")
    return event.caller and {"assistant": {"first_message": f"Hello {event.caller}"}}


@status_update
def status(event):
    print("status", event.call.status)
    if event.call.status == "crash":
        raise ValueError("kaputt")
    if event.call.status == "refuse":
        raise ToolError("Not this one.")
    return "ignored"


@on("call-quality")
def quality(event):
    print("quality", event.metadata.score)


if "any" in sys.argv:

    @tool("*")
    def any_tool(event, **arguments):
        return event.tool_call.name


run(threads=4 if "concurrent" in sys.argv else 1)
