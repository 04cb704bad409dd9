"""The telephone call of the demo: what the platform sends, scene by scene, and what is said around it.

The bodies are the platform's own (its camel dialect). Nobody listens and speaks here, of course: the
caller's lines are written down, the assistant's are made of the answers the daemon gave.
"""

import datetime
import json
import uuid
from dataclasses import dataclass, field
from typing import Callable, Optional

CALLER, CALLED = "+31612345678", "+31850835037"


@dataclass
class Scene:
    title: str
    event: str
    status: str
    limit_ms: Optional[int] = None  # by when the daemon answers, whatever the handler does; None: nobody waits
    members: dict = field(default_factory=dict)
    caller: str = ""
    asks: str = ""
    assistant: Callable[[dict], str] = lambda answer: ""  # what the assistant makes of the answer


def body(call_id, scene):
    """The event as the platform posts it."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    message = {
        "type": scene.event,
        "timestamp": now.replace("+00:00", "Z"),
        "call": {"id": call_id, "type": "inboundPhoneCall", "status": scene.status},
        "phoneNumber": {"number": CALLED, "name": "Flireo Demo"},
        "customer": {"number": CALLER},
    }
    return json.dumps({"message": {**message, **scene.members}}, ensure_ascii=False).encode()


def tool_call(name, arguments):
    identity = f"tool_{uuid.uuid4().hex[:12]}"
    return {"toolCallList": [{"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}]}


def result(answer):
    """The result of the one tool call; one that failed is {"error": text}. A handler may return any JSON."""
    said = answer["results"][0]["result"]
    return said if isinstance(said, dict) else {"error": said}


def greeting(answer):
    assistant = answer.get("assistant") or {}
    return answer.get("error") or assistant.get("firstMessage") or "(what the saved assistant says)"


def from_lookup(answer):
    contacts = result(answer).get("contacts")
    if not contacts:
        return "I cannot find you in our books."
    return f"You are in our books, with this note: {contacts[0].get('note', 'none')}"


def from_booking(answer):
    booked = result(answer)
    if not booked.get("booked"):
        return f"I could not book that. {booked.get('error', '')}".strip()
    day = datetime.date.fromisoformat(booked["date"])
    return f"It is yours: {day:%A %-d %B} at {booked['time']}. Your confirmation is {booked['confirmation']}."


def spoken(scene, answer):
    """What the assistant makes of an answer, which need not be the one of desk.py as it came."""
    try:
        return scene.assistant(answer)
    except (AttributeError, LookupError, TypeError, ValueError):
        return "(whatever the model makes of this)"


def working_day(number):
    """The number-th day from tomorrow on that is not in a weekend."""
    day = datetime.date.today() + datetime.timedelta(days=1)
    while number or day.weekday() > 4:
        number -= day.weekday() < 5
        day += datetime.timedelta(days=1)
    return day


def scenes(play):
    """The whole call. Each time it is played, the appointment is for another day."""
    day = working_day(play)
    booking = {"date": day.isoformat(), "time": "10:00", "note": "About the flour delivery"}
    report = {
        "durationSeconds": 84,
        "endReason": "customer-ended-call",
        "summary": f"Voorbeeld Klant asked what is noted and booked {day:%A %-d %B} at 10:00.",
        "messages": [{"role": "user", "content": "What do you have on me?"}],
    }
    return [
        Scene("The telephone rings", "assistant-request", "ringing", 4500,
              asks=f"{CALLER} is calling {CALLED}. How do I pick up?", assistant=greeting),
        Scene("They talk", "status-update", "in-progress", asks="The call is in progress."),
        Scene("The caller asks", "tool-calls", "in-progress", 9500,
              tool_call("lookup_contact", {"query": "Voorbeeld Klant"}),
              caller="What do you have on me?", assistant=from_lookup),
        Scene("The caller books", "tool-calls", "in-progress", 9500, tool_call("book_appointment", booking),
              caller=f"Can I come by on {day:%A} at ten?", assistant=from_booking),
        Scene("They hang up", "status-update", "ended", caller="Thank you, goodbye!", asks="The call has ended."),
        Scene("The report", "end-of-call-report", "ended", members=report, asks=f"Summary: {report['summary']}"),
    ]
