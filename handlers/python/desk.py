"""A small reception desk: greets callers by name, looks up contacts, books appointments, connects to people.

An example to copy from. Contacts come from contacts.json beside this file. Bookings and call
summaries are kept in desk.db, in the directory that HOOKSWITCH_STATE names, else in the working
directory; where neither can be written, in memory.

    [[handler]]
    name = "desk"
    type = "worker"
    command = ["python3", "desk.py"]
    environment = { HOOKSWITCH_STATE = "/var/lib/hookswitch" }
"""

import datetime
import json
import logging
import os
import pathlib
import sqlite3

from hookswitch import ToolError, assistant_request, end_of_call_report, run, tool

CONTACTS = json.loads(pathlib.Path(__file__).with_name("contacts.json").read_text(encoding="utf-8"))
COLLEAGUE = os.environ.get("DESK_COLLEAGUE", "+31201234567")  # who takes over
SLOTS = ["09:00", "10:00", "11:00", "13:00", "14:00", "15:00", "16:00"]


def open_database():
    directory = os.environ.get("HOOKSWITCH_STATE", ".")
    writable = os.access(directory, os.W_OK)
    if not writable:
        logging.warning("desk: %s cannot be written, bookings are kept in memory", directory)
    database = sqlite3.connect(os.path.join(directory, "desk.db") if writable else ":memory:", timeout=2)
    database.executescript("""
        CREATE TABLE IF NOT EXISTS bookings (
            number INTEGER PRIMARY KEY, request TEXT UNIQUE, date TEXT, time TEXT,
            name TEXT, phone TEXT, note TEXT, UNIQUE (date, time));
        CREATE TABLE IF NOT EXISTS calls (id TEXT PRIMARY KEY, caller TEXT, seconds REAL, summary TEXT);
    """)
    return database


db = open_database()


def same_number(one, other):
    """Models write numbers as they hear them: 06 1234 5678 is +31612345678."""
    one, other = ("".join(filter(str.isdigit, number or "")) for number in (one, other))
    return len(one) >= 9 and one[-9:] == other[-9:]


def contact_with_number(number):
    return next((contact for contact in CONTACTS if same_number(number, contact["phone"])), None)


@assistant_request
def greet(event):
    contact = contact_with_number(event.caller)
    if not contact:
        return None  # the saved assistant answers as it is
    greeting = f"Hello {contact['name']} of {contact['company']}, how can I help you?"
    return {"assistant": {"first_message": greeting, "metadata": {"company": contact["company"]}}}


@tool
def lookup_contact(event, query=""):
    """By name, company or number; without a query, whoever is calling."""
    if not query:
        found = [contact_with_number(event.caller)]
    else:
        words = str(query).casefold()
        found = [c for c in CONTACTS if words in c["name"].casefold() or words in c["company"].casefold()]
        found = found or [contact_with_number(words)]
    if not found[0]:
        return {"found": False, "hint": "Ask the caller for the name of the company."}
    return {"found": True, "contacts": found}


def weekday(date):
    try:
        day = datetime.date.fromisoformat(date)
    except (TypeError, ValueError):
        day = None
    if not day or str(day) != date:  # 20260131 is ISO too, and would be booked as another day
        raise ToolError("date must be a day of the calendar, written like 2026-01-31.")
    return day.strftime("%A")


def free_slots(date):
    if weekday(date) in ("Saturday", "Sunday"):
        return []
    taken = {time for (time,) in db.execute("SELECT time FROM bookings WHERE date = ?", (date,))}
    return [slot for slot in SLOTS if slot not in taken]


@tool
def check_availability(date, **preferences):  # whatever else the model thinks of sending is ignored
    return {"date": date, "weekday": weekday(date), "free": free_slots(date)}


@tool
def book_appointment(event, date, time, name=None, note=None):
    if weekday(date) in ("Saturday", "Sunday") or time not in SLOTS:
        raise ToolError(f"Appointments are Monday to Friday at {', '.join(SLOTS)}.")
    if not name:
        name = (contact_with_number(event.caller) or {}).get("name")
    # The same tool call may be handed out twice, after a crash for one. It is one booking all the same.
    request = f"{event.call.id}/{event.tool_call.id}"
    with db:
        db.execute(
            "INSERT OR IGNORE INTO bookings VALUES (NULL, ?, ?, ?, ?, ?, ?)",
            (request, date, time, name, event.caller, note),
        )
    columns = "number, date, time, name"
    booked = db.execute(f"SELECT {columns} FROM bookings WHERE request = ?", (request,)).fetchone()
    if not booked:
        free = ", ".join(free_slots(date)) or "nothing"
        raise ToolError(f"{time} on {date} is taken. Free that day: {free}.")
    number, date, time, name = booked
    return {"booked": True, "confirmation": f"D-{number:04}", "date": date, "time": time, "name": name}


@tool
def connect_to_person(event, topic="your question"):
    """Hookswitch carries this out once the model has its result."""
    event.say("One moment please, I will put you through.")
    event.transfer(COLLEAGUE, message=f"A colleague will help you with {topic}.")
    return {"transferring": True}


@end_of_call_report
def keep_summary(event):
    with db:
        db.execute(
            "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)",
            (event.call.id, event.caller, event.report.duration_seconds, event.report.summary),
        )


if __name__ == "__main__":
    run()
