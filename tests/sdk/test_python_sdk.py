"""handlers/python/hookswitch.py as a real process, and what is particular to Python."""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest
import unittest.mock

from behaviour import SdkBehaviour
from worker_process import HANDLERS, WorkerProcess, event, tool_call

WORKERS = pathlib.Path(__file__).with_name("workers")
os.environ["PYTHONPATH"] = str(HANDLERS / "python")
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


class PythonBehaviour(SdkBehaviour):
    second = 1

    def test_sys_exit_in_a_handler_costs_one_event(self):
        worker = self.worker()
        answer = worker.ask(tool_call("leave"))
        self.assertEqual(answer["error"], {"message": "SystemExit: 3", "retry": True})
        self.assertEqual(self.result_of(worker, tool_call("nothing")), {"result": None})


class PlainFunctions(PythonBehaviour, unittest.TestCase):
    source_name = "plain.py"
    command = [sys.executable, str(WORKERS / source_name)]

    def test_the_log_survives_a_locale_without_unicode(self):
        worker = WorkerProcess(self.command, environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
        self.addCleanup(worker.kill)
        worker.receive()
        self.assertEqual(self.result_of(worker, tool_call("chatty")), {"result": "ok"})


class Coroutines(PythonBehaviour, unittest.TestCase):
    source_name = "coroutines.py"
    command = [sys.executable, str(WORKERS / source_name)]

    def test_a_cancelled_coroutine_is_answered(self):
        self.assertIn("CancelledError", self.worker().ask(tool_call("cancelled"))["error"]["message"])

    def test_unfinished_business_is_cancelled_at_the_end(self):
        worker = self.worker()
        worker.ask(tool_call("later"))
        worker.close_input()
        self.assertEqual(worker.finish(), (0, []))
        self.assertEqual(worker.log(), "")


class PythonOnly(unittest.TestCase):
    def log_of(self, text):
        """Runs Python to its end, and returns what it wrote to standard error."""
        command = [sys.executable, "-c", textwrap.dedent(text)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr

    def worker(self, text):
        worker = WorkerProcess([sys.executable, "-c", textwrap.dedent(text)])
        self.addCleanup(worker.kill)
        self.assertEqual(worker.receive(), {"hookswitch": 1})
        return worker

    def test_the_five_lines_of_the_documentation(self):
        worker = self.worker("""
            from hookswitch import tool, run

            @tool
            def lookup_contact(event, query):
                return {"name": query, "phone": event.caller}

            run()
        """)
        answer = worker.ask(tool_call("lookup_contact", {"query": "Voorbeeld Klant"}))
        self.assertEqual(answer["reply"]["result"], {"name": "Voorbeeld Klant", "phone": "+31612345678"})

    def test_print_before_run_goes_to_the_log(self):
        for unbuffered in ("", "1"):
            with self.subTest(unbuffered), unittest.mock.patch.dict(os.environ, PYTHONUNBUFFERED=unbuffered):
                worker = self.worker("""
                    import hookswitch
                    print("loading")
                    hookswitch.run()
                """)
                worker.log_line("loading")

    def test_code_after_run_is_executed(self):
        worker = self.worker("""
            import hookswitch
            hookswitch.run()
            print("closing the database")
        """)
        worker.terminate()
        worker.log_line("closing the database")
        self.assertEqual(worker.finish(), (0, []))

    def test_star_takes_other_events_and_the_event_may_have_any_name(self):
        worker = self.worker("""
            from hookswitch import end_of_call_report, on, run
            @on("*")
            def other(anything):
                print("other", anything.type)
            @end_of_call_report
            def report():
                print("report")
            run()
        """)
        worker.ask(event("call-quality"))
        worker.log_line("other call-quality")
        worker.ask(event("end-of-call-report"))
        worker.log_line("report")
        self.assertIn("error", worker.ask(event("assistant-request")))

    def test_an_argument_may_be_called_event(self):
        worker = self.worker("""
            from hookswitch import tool, run
            @tool
            def book(event, /, **arguments):
                return [event.caller, arguments["event"]]
            run()
        """)
        answer = worker.ask(tool_call("book", {"event": "party"}))
        self.assertEqual(answer["reply"], {"result": ["+31612345678", "party"]})

    def test_dates_become_text(self):
        worker = self.worker("""
            import datetime
            from hookswitch import tool, run
            @tool
            def when():
                return [datetime.date(2026, 1, 31), datetime.time(14, 30)]
            run()
        """)
        self.assertEqual(worker.ask(tool_call("when"))["reply"], {"result": ["2026-01-31", "14:30:00"]})

    def test_plain_functions_run_one_at_a_time(self):
        worker = self.worker("""
            import threading
            from hookswitch import tool, run
            busy = threading.Lock()
            @tool
            def alone(path):
                assert busy.acquire(blocking=False)
                open(path).read()
                busy.release()
            @tool
            async def beside():
                return "beside"
            run()
        """)
        with tempfile.TemporaryDirectory() as directory:
            fifo = pathlib.Path(directory, "fifo")
            os.mkfifo(fifo)
            first, second = (tool_call("alone", {"path": path}) for path in (str(fifo), "/dev/null"))
            beside = tool_call("beside")
            worker.send(first, second, beside)
            self.assertEqual(worker.receive(), {"id": beside["id"], "reply": {"result": "beside"}})
            fifo.write_text("on")
            self.assertEqual([worker.receive() for _ in "12"], [
                {"id": frame["id"], "reply": {"result": None}} for frame in (first, second)
            ])  # fmt: skip

    def test_mistakes_are_told_when_the_worker_loads(self):
        for text, message in (
            ("@tool\ndef a(): pass\n@tool('a')\ndef b(): pass", "there are two handlers for a"),
            ("@on('tool-calls')\ndef a(e): pass", "use @tool"),
            ("@tool\ndef a(b, /): pass", "a: arguments are given by name"),
        ):
            with self.subTest(text):
                self.assertIn(message, self.log_of(f"from hookswitch import tool, on\n{text}"))

    def test_handlers_and_events_can_be_used_in_unit_tests(self):
        log = self.log_of("""
            from hookswitch import Event, tool
            @tool
            def who(event):
                event.say("Hello.")
                return event.report.messages[0].role
            event = Event({"id": "x", "report": {"messages": [{"role": "user"}]}})
            print(who(event), event.actions)
            try:
                event.report.sumary
            except AttributeError as error:
                print(error)
        """)
        self.assertEqual(log.splitlines(), [
            "user [{'type': 'say', 'content': 'Hello.', 'end_after': False}]",
            "no field 'sumary', only: messages",
        ])  # fmt: skip

    def test_a_file_of_events_can_be_the_input(self):
        with tempfile.TemporaryFile("w+b") as file:
            file.write(b'{"id":"a","type":"tool-calls","tool_call":{"name":"echo","arguments":{"text":1}}}')
            file.seek(0)
            done = subprocess.run(PlainFunctions.command, stdin=file, capture_output=True, check=True)
        self.assertEqual(done.stdout, b'{"hookswitch":1}\n{"id":"a","reply":{"result":1}}\n')


if __name__ == "__main__":
    unittest.main()
