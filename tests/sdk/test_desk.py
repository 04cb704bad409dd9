"""The example desks, in both languages, against the same conversations."""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from worker_process import HANDLERS, WorkerProcess, event, tool_call

NODE = shutil.which("node") or shutil.which("nodejs")
FRIDAY, SATURDAY = "2025-12-19", "2025-12-20"


class Desk:
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.state = directory.name
        self.desk = self.start()

    def start(self):
        desk = WorkerProcess(self.command, environment={"HOOKSWITCH_STATE": self.state})
        self.addCleanup(desk.kill)
        self.assertEqual(desk.receive(), {"hookswitch": 1})
        return desk

    def reply(self, frame):
        return self.desk.ask(frame)["reply"]

    def book(self, time, **arguments):
        return self.reply(tool_call("book_appointment", {"date": FRIDAY, "time": time, **arguments}))

    def free(self, date=FRIDAY):
        return self.reply(tool_call("check_availability", {"date": date}))["result"]["free"]

    def test_known_callers_are_greeted_by_name(self):
        greeting = self.reply(event("assistant-request"))["assistant"]["first_message"]
        self.assertEqual(greeting, "Hello Voorbeeld Klant of Example Bakery, how can I help you?")
        for stranger in ("+31699999999", "anonymous", "", None):
            self.assertEqual(self.reply(event("assistant-request", caller=stranger)), {})

    def test_lookup(self):
        for arguments, companies in (
            ({"query": "Voorbeeld Klant"}, ["Example Bakery"]),
            ({"query": "bicycles"}, ["Example Bicycles"]),
            ({"query": "example"}, ["Example Bakery", "Example Flowers", "Example Bicycles"]),
            ({"query": "06 01 23 45 67"}, ["Example Flowers"]),
            ({}, ["Example Bakery"]),
            ({"query": ""}, ["Example Bakery"]),
        ):
            with self.subTest(arguments):
                result = self.reply(tool_call("lookup_contact", arguments))["result"]
                self.assertEqual([contact["company"] for contact in result["contacts"]], companies)
        unknown = self.reply(tool_call("lookup_contact", {"query": "Nobody"}))["result"]
        self.assertEqual(unknown, {"found": False, "hint": "Ask the caller for the name of the company."})

    def test_connects_to_a_person(self):
        answer = self.desk.ask(tool_call("connect_to_person", {"topic": "the invoice"}))
        self.assertEqual(answer["reply"], {"result": {"transferring": True}})
        self.assertEqual(answer["actions"], [
            {"type": "say", "content": "One moment please, I will put you through.", "end_after": False},
            {"type": "transfer", "destination": "+31201234567", "message": "A colleague will help you with the invoice."}])

    def test_booking(self):
        self.assertIn("14:00", self.free())
        booked = self.book("14:00", note='graag "achterom"')["result"]
        self.assertEqual(booked, {"booked": True, "confirmation": "D-0001", "date": FRIDAY, "time": "14:00",
                                  "name": "Voorbeeld Klant"})  # fmt: skip
        self.assertNotIn("14:00", self.free())
        taken = "14:00 on 2025-12-19 is taken. Free that day: 09:00, 10:00, 11:00, 13:00, 15:00, 16:00."
        self.assertEqual(self.book("14:00"), {"error": taken})
        self.assertEqual(self.book("15:00", name="Else")["result"]["confirmation"], "D-0002")

    def test_the_same_tool_call_books_once_even_after_a_restart(self):
        frame = tool_call("book_appointment", {"date": FRIDAY, "time": "14:00"})
        first = self.reply(frame)
        self.assertEqual(self.reply({**frame, "id": "01JAGAIN", "attempt": 2}), first)
        self.desk.terminate()
        self.desk.finish()
        self.desk = self.start()
        self.assertEqual(self.reply(frame), first)
        self.assertEqual(len(self.free()), 6)

    def test_what_cannot_be_booked_is_explained(self):
        hours = "Appointments are Monday to Friday at 09:00, 10:00, 11:00, 13:00, 14:00, 15:00, 16:00."
        day = "date must be a day of the calendar, written like 2026-01-31."
        for date, time, error in (
            (FRIDAY, "12:30", hours), (SATURDAY, "14:00", hours), ("tomorrow", "14:00", day),
            ("2025-02-30", "14:00", day), ("20251219", "14:00", day), (None, "14:00", day),
        ):  # fmt: skip
            with self.subTest(date=date, time=time):
                frame = tool_call("book_appointment", {"date": date, "time": time})
                self.assertEqual(self.reply(frame), {"error": error})
        self.assertEqual(self.free(SATURDAY), [])

    def test_arguments_of_the_recorded_call_fit(self):
        odd = {"date": FRIDAY, "slots": [9, 10.5, 14], "filters": {"branch": "Utrecht", "remote": None}}
        available = self.reply(tool_call("check_availability", odd))["result"]
        self.assertEqual((available["weekday"], len(available["free"])), ("Friday", 7))

    def test_the_summary_is_kept_once(self):
        report = {"duration_seconds": 84, "summary": "Openingstijden doorgegeven."}
        for _ in "12":
            self.assertEqual(self.reply(event("end-of-call-report", report=report)), {})
        self.assertEqual(self.summaries(), ["Openingstijden doorgegeven."])

    def test_without_a_place_to_write_it_works_in_memory(self):
        self.state = os.path.join(self.state, "missing")
        self.desk = self.start()
        self.assertTrue(self.book("14:00")["result"]["booked"])
        self.desk.log_line("bookings are kept in memory")


class PythonDesk(Desk, unittest.TestCase):
    command = [sys.executable, str(HANDLERS / "python" / "desk.py")]

    def summaries(self):
        import sqlite3

        database = sqlite3.connect(os.path.join(self.state, "desk.db"))
        self.addCleanup(database.close)
        return [summary for (summary,) in database.execute("SELECT summary FROM calls")]

    def test_two_processes_share_the_book(self):
        other = self.start()
        frame = {"date": FRIDAY, "time": "14:00"}
        self.assertIn("result", self.book("14:00"))
        self.assertIn("error", other.ask(tool_call("book_appointment", frame))["reply"])


@unittest.skipUnless(NODE, "node is not installed")
class NodeDesk(Desk, unittest.TestCase):
    command = [NODE, str(HANDLERS / "node" / "desk.mjs")]

    def summaries(self):
        state = json.loads(pathlib.Path(self.state, "desk.json").read_text(encoding="utf-8"))
        return [call["summary"] for call in state["calls"].values()]


class Contacts(unittest.TestCase):
    def test_both_desks_know_the_same_contacts(self):
        python, node = (HANDLERS / language / "contacts.json" for language in ("python", "node"))
        self.assertEqual(python.read_text(encoding="utf-8"), node.read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
