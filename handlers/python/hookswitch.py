"""Write a Hookswitch worker in Python. Standard library only, Python 3.9 or newer.

A whole worker:

    from hookswitch import tool, run

    @tool
    def lookup_contact(event, query):
        return {"name": query, "phone": event.caller}

    run()

Parameters of a tool are filled by name from the model's arguments; a first parameter called `event`
receives the event. `async def` works everywhere. handlers/README.md has the table of what each value
and exception becomes; in short:

    @tool                   the tool with the function's name; @tool("other_name"); @tool("*"): any other
    @assistant_request      return the reply as a dict, or None for the saved assistant
    @status_update          @end_of_call_report    @on("event-type")    @on("*"): any other event

    event.caller, event.call.id, event.report.summary   every key as an attribute; event.raw: the dict
    event.remaining()       seconds left until the caller gets the fallback
    event.say("...")        an action, with the answer or later; also inject_context, transfer, end_call
                            (this version of the daemon logs actions and ignores them)
    raise ToolError("...")  an answer that the model reads; raise Retry("..."): it may work next time

Standard input and output belong to the daemon; print() goes to its log.
"""

import concurrent.futures
import inspect
import json
import os
import select
import signal
import sys
import threading
import time
import traceback

# At once, not in run(): a line printed while the worker loads would take the place of the handshake.
sys.stdout = sys.stderr


class ToolError(Exception):
    """The tool cannot do what was asked; the text tells the model why.

    From a handler of an event that nobody waits for: it never will, do not try again.
    """


class Retry(Exception):
    """It did not work now but may on another try: as any other exception, but without a traceback."""


class Fields(dict):
    """A JSON object whose keys are attributes too: fields.id is fields["id"]."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no field {name!r}, only: {', '.join(self)}") from None


class Event:
    """One event. `raw` may be a plain dict, so that a unit test can make one."""

    def __init__(self, raw, send=None):
        self.raw = raw if isinstance(raw, Fields) else json.loads(json.dumps(raw), object_hook=Fields)
        self._send, self._read_at = send, time.monotonic()
        self.actions, self._answered, self._lock = [], False, threading.Lock()

    def __getattr__(self, name):
        return getattr(self.__dict__.get("raw", Fields()), name)

    def remaining(self):
        """Seconds until the deadline, never below 0; None if the event has none."""
        limit = self.raw.get("deadline_ms")
        return None if limit is None else max(0.0, self._read_at + limit / 1000 - time.monotonic())

    def say(self, content, end_after=False):
        """Speaks `content` to the caller; with end_after the call ends then."""
        self._act({"type": "say", "content": content, "end_after": end_after})

    def inject_context(self, content, trigger_response=False):
        """Tells the model something without speaking; with trigger_response it reacts at once."""
        self._act({"type": "inject-context", "content": content, "trigger_response": trigger_response})

    def transfer(self, destination, message=None):
        """Transfers the call to an E.164 number or SIP URI, after the announcement `message`."""
        self._act({"type": "transfer", "destination": destination, "message": message})

    def end_call(self, message=None):
        """Ends the call, after the last sentence `message`."""
        self._act({"type": "end-call", "message": message})

    def _act(self, action):
        action = {key: value for key, value in action.items() if value is not None}
        with self._lock:
            if not self._answered:
                self.actions.append(action)
                return
        call = (self.raw.get("call") or {}).get("id")
        if call and self._send:
            self._send(_encode({"call": call, "actions": [action]}))
        else:
            _log(f"hookswitch: dropped a late {action['type']}: event {self.id} has no call id")

    def _close(self):
        """From here on actions no longer travel with the answer."""
        with self._lock:
            self._answered = True
            return self.actions


_WAITED_FOR = ("tool-calls", "assistant-request")
_tools, _events = {}, {}


def tool(name):
    """@tool, @tool("name") or @tool("*"): the function answers this tool's calls."""
    if callable(name):  # @tool without parentheses
        return tool(name.__name__)(name)
    return lambda function: _register(_tools, name, function)


def on(event_type):
    """@on("event-type") or @on("*"): the function, of no argument or of the event, handles these events."""
    if event_type == "tool-calls":
        raise ValueError('on("tool-calls"): use @tool, or @tool("*") for all tools')
    return lambda function: _register(_events, event_type, function)


assistant_request, status_update = on("assistant-request"), on("status-update")
end_of_call_report = on("end-of-call-report")


def _register(table, name, function):
    if name in table:
        raise ValueError(f"there are two handlers for {name}")
    table[name] = _Handler(name, function, is_tool=table is _tools)
    return function


def run(threads=1):
    """Serves until standard input ends or SIGTERM comes, answers what is in work, and returns."""
    _Server(_Frames()).serve(threads)


class _Handler:
    """A function and how to call it."""

    def __init__(self, name, function, is_tool):
        parameters = list(inspect.signature(function).parameters.values())
        self.name, self.function, self.is_tool = name, function, is_tool
        self.is_async = inspect.iscoroutinefunction(function)
        self.takes_event = bool(parameters) and (not is_tool or parameters[0].name == "event")
        named = parameters[1 if self.takes_event else 0 :]
        if any(p.kind == p.POSITIONAL_ONLY for p in named):
            raise TypeError(f"{name}: arguments are given by name, so none can be positional-only")
        self.open = any(p.kind == p.VAR_KEYWORD for p in named)
        named = [p for p in named if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.required = [p.name for p in named if p.default is p.empty]
        self.optional = [p.name for p in named if p.default is not p.empty]

    def call(self, event):
        arguments = self._arguments(event) if self.is_tool else {}
        return self.function(event, **arguments) if self.takes_event else self.function(**arguments)

    def _arguments(self, event):
        given = event.tool_call.get("arguments") or {}
        if not isinstance(given, dict):
            raise ToolError("The arguments of this tool call must be an object.")
        known = self.required + self.optional
        faults = [f"Missing argument: {name}." for name in self.required if name not in given]
        faults += [f"Unknown argument: {name}." for name in given if not self.open and name not in known]
        if faults:
            takes = self.required + [f"{name} (optional)" for name in self.optional]
            raise ToolError(" ".join([*faults, f"This tool takes: {', '.join(takes) or 'no arguments'}."]))
        return given

    def reply(self, event, value):
        if event.type == "tool-calls":
            return {"result": value}
        if event.type != "assistant-request" or value is None:
            return {}
        if not isinstance(value, dict):
            raise TypeError(f"{self.name} must return a dict or None, not {type(value).__name__}")
        return value


class _Server:
    """From a line to a handler to an answer."""

    def __init__(self, frames):
        self._frames = frames

    def serve(self, threads):
        loop = _Loop() if any(h.is_async for h in [*_tools.values(), *_events.values()]) else None
        # With one thread and no loop the reading thread does the work itself: no hand-over, half the time.
        pool = concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 or loop else None
        self._frames.write(b'{"hookswitch":1}\n')
        for line in self._frames.lines():
            event = self._parse(line)
            handler = event and self._find(event)
            if handler and handler.is_async:
                loop.submit(self._work_async, handler, event)
            elif handler and pool:
                pool.submit(self._work, handler, event)
            elif handler:
                self._work(handler, event)
        for executor in filter(None, (pool, loop)):
            executor.shutdown()

    def _parse(self, line):
        try:
            raw = json.loads(line.decode("utf-8"), object_hook=Fields)
            if raw["id"] and (raw["type"] != "tool-calls" or isinstance(raw["tool_call"], Fields)):
                return Event(raw, self._frames.write)
            why = "no id, or no tool_call"
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            why = f"{type(error).__name__}: {error}"
        if line.strip():
            _log(f"hookswitch: passed over a line of {len(line)} bytes that is no event: {why}")

    def _find(self, event):
        """The handler, or None once the event is answered here."""
        is_tool = event.type == "tool-calls"
        table, name = (_tools, str(event.tool_call.get("name"))) if is_tool else (_events, str(event.type))
        handler = table.get(name) or (event.type != "assistant-request" and table.get("*"))
        if not handler and event.type in _WAITED_FOR:
            self._send(event, error={"message": f"the worker has no handler for {name}", "retry": False})
        elif not handler:
            self._send(event, reply={})  # told, and of no interest here
        return handler

    def _work(self, handler, event):
        try:
            self._send(event, reply=handler.reply(event, handler.call(event)))
        except BaseException as error:  # SystemExit too: the other callers' events are in this process
            self._failed(handler, event, error)

    async def _work_async(self, handler, event):
        try:
            self._send(event, reply=handler.reply(event, await handler.call(event)))
        except BaseException as error:
            self._failed(handler, event, error)

    def _failed(self, handler, event, error):
        expected = isinstance(error, (ToolError, Retry))
        if isinstance(error, ToolError) and event.type in _WAITED_FOR:
            return self._send(event, reply={"error": str(error) or "The tool failed."})
        if not expected:
            trace = error.__traceback__.tb_next or error.__traceback__  # without the frame of _work
            report = "".join(traceback.format_exception(type(error), error, trace))
            _log(f"hookswitch: {handler.name} failed, event {event.id}\n{report}")
        why = str(error) if expected and str(error) else f"{type(error).__name__}: {error}"
        self._send(event, error={"message": why[:500], "retry": not isinstance(error, ToolError)})

    def _send(self, event, **outcome):
        actions = event._close()
        if actions and "reply" in outcome:
            outcome["actions"] = actions
        self._frames.write(_encode({"id": event.id, **outcome}))


def _plain(value):
    if hasattr(value, "isoformat"):  # date, time, datetime
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _encode(frame):
    # "replace": half a surrogate pair has no UTF-8 form, and one in a name must not cost the answer.
    return _json.encode(frame).encode("utf-8", "replace") + b"\n"


def _log(text):
    sys.stderr.write(text.rstrip("\n") + "\n")
    sys.stderr.flush()


class _Frames:
    """Standard input and output, out of reach of everything else in this process and its children."""

    def __init__(self):
        self._in, self._out = os.dup(0), os.dup(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        self._lock, self._stopping = threading.Lock(), False
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # A signal handler alone is too late: after a signal just before poll() it waits for the next event.
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        # Ctrl-C in the daemon's terminal reaches us too, while the daemon still wants its answers.
        signal.signal(signal.SIGINT, self._stop if os.isatty(self._in) else signal.SIG_IGN)

    def _stop(self, *_):
        self._stopping = True

    def lines(self):
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        begun = b""  # of a line that is not complete yet
        while not self._stopping:
            if any(fd == self._wake for fd, _ in poll.poll()):
                os.read(self._wake, 4096)
                continue
            chunk = os.read(self._in, 1 << 18)
            *whole, begun = (begun + chunk).split(b"\n")
            yield from whole
            if not chunk:
                yield begun
                return

    def write(self, line):
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._out, line) :]
        except BrokenPipeError:  # nobody is left to hear an answer
            self._stop()
            os.write(self._waker, b"x")


class _Loop:
    """One asyncio loop in a thread of its own."""

    def __init__(self):
        import asyncio  # here: it costs 20 ms, which a worker without coroutines need not pay
        self._asyncio, self._loop, self._open = asyncio, asyncio.new_event_loop(), set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def submit(self, work, *arguments):
        future = self._asyncio.run_coroutine_threadsafe(work(*arguments), self._loop)
        self._open.add(future)
        future.add_done_callback(self._open.discard)

    def shutdown(self):
        concurrent.futures.wait(list(self._open))
        rest = self._asyncio.run_coroutine_threadsafe(self._cancel_others(), self._loop)
        concurrent.futures.wait([rest], timeout=1)

    async def _cancel_others(self):
        others = self._asyncio.all_tasks() - {self._asyncio.current_task()}
        for task in others:
            task.cancel()
        await self._asyncio.gather(*others, return_exceptions=True)
