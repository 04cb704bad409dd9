"""The handlers that behaviour.py describes, as coroutines."""

import asyncio
import sys

from hookswitch import Retry, ToolError, assistant_request, on, run, status_update, tool

tasks = []


class Released:
    """Made when first needed: before Python 3.10 an asyncio.Event belongs to the loop it is made in."""

    event = None

    @classmethod
    def get(cls):
        cls.event = cls.event or asyncio.Event()
        return cls.event


@tool
async def echo(text):
    return text


@tool
async def add(a, b=10):
    return [a, b]


@tool
async def nothing():
    pass


@tool
def numbers(event):  # a plain one among them
    return [1, 2.5, True, None]


@tool
async def refuse():
    raise ToolError("Not on Sundays.")


@tool
async def again():
    raise Retry("CRM is down")


@tool
async def crash():
    raise ValueError("kaputt")


@tool
async def leave():
    sys.exit(3)


@tool
async def cancelled():
    raise asyncio.CancelledError


@tool
async def chatty():
    print("from the handler")
    return "ok"


@tool
async def nan():
    return {"score": float("nan")}


@tool
async def opaque():
    return object()


@tool
async def child():
    process = await asyncio.create_subprocess_exec("cat", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()


@tool
async def left(event):
    return event.remaining()


@tool
async def act(event):
    event.say("One moment.")
    event.say("Goodbye.", end_after=True)
    event.inject_context("code 4821", trigger_response=True)
    event.transfer("+31201234567", "I connect you.")
    event.transfer("sip:desk@example.com")
    event.end_call()
    return "done"


@tool
async def wait():
    await Released.get().wait()
    return "waited"


@tool
async def release():
    Released.get().set()


@tool
async def later(event):
    async def search():
        await Released.get().wait()
        event.say("Found it.")

    tasks.append(asyncio.create_task(search()))
    return "searching"


@tool
async def read_byte(path):
    def read():
        with open(path, "rb", buffering=0) as file:
            print("about to read")
            return file.read(1).decode()

    return await asyncio.to_thread(read)


@assistant_request
async def greet(event):
    if event.called == "list":
        return []
    if event.called == "closed":
        raise ToolError("We are closed.")
    return event.caller and {"assistant": {"first_message": f"Hello {event.caller}"}}


@status_update
async def status(event):
    print("status", event.call.status)
    if event.call.status == "crash":
        raise ValueError("kaputt")
    if event.call.status == "refuse":
        raise ToolError("Not this one.")
    return "ignored"


@on("call-quality")
async def quality(event):
    print("quality", event.metadata.score)


if "any" in sys.argv:

    @tool("*")
    async def any_tool(event, **arguments):
        return event.tool_call.name


run()
