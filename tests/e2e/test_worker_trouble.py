"""Workers that hang, flood or do everything wrong at once."""

import contextlib
import re
import time
import unittest

from deliveries import Asking, only_result, tool_calls
from rawhttp import PATIENCE
from worker_case import WorkerTest, alive

# What workers/rogue.py knows how to do.
ROGUE_TOOLS = (
    "well", "hang", "late", "backwards", "twice", "crash", "leave", "garbage", "half_a_line", "wrong_id", "wrong_form",
    "no_reply", "numeric_id", "lines_without_end", "line_without_end", "complain_without_end", "hang_up",
)


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


class Hanging(WorkerTest):
    def test_a_worker_that_hangs_past_its_deadline_is_replaced(self):
        daemon = self.start("puppet.py", "--stubborn", hang_timeout="500ms", max_missed=1000)
        hung = self.control.worker()
        asking = self.ask("short")
        self.control.event()
        self.assertEqual(only_result(asking.answer()), "fallback")
        # It does not go at SIGTERM either.
        daemon.wait_for("worker.killed", handler="held", pid=hung.pid)
        hung.wait_gone()
        self.control.worker()
        self.assert_serves()

    def test_a_worker_that_misses_too_often_is_replaced(self):
        daemon = self.start(hang_timeout="600s", max_missed=2, concurrency=8)
        process = self.control.worker()
        for _ in range(2):
            asking = self.ask("short")
            self.control.event()
            self.assertEqual(only_result(asking.answer()), "fallback")
        daemon.wait_for("worker.killed", pid=process.pid)
        self.control.worker()
        self.assert_serves()

    def test_an_answer_in_between_forgives(self):
        daemon = self.start(hang_timeout="600s", max_missed=2, concurrency=8)
        process = self.control.worker()
        for _ in range(3):
            asking = self.ask("short")
            self.control.event()
            self.assertEqual(only_result(asking.answer()), "fallback")
            self.assert_serves()
        self.assertEqual(daemon.records("worker.killed"), [])
        self.assertTrue(alive(process.pid))


class Floods(WorkerTest):
    """Output without end costs the daemon neither its memory nor its attention."""

    def flood(self, chunk, to="stdout", ends=True):
        daemon = self.start()
        process = self.control.worker()
        self.assert_serves()
        before = resident(daemon.process.pid)
        asking = self.ask("short")
        self.control.event()
        process.flood(chunk, to=to)
        for _ in range(10):
            self.assert_healthy(5)
            self.assertLess(resident(daemon.process.pid) - before, 96 << 20)
        self.assertEqual(only_result(asking.answer()), "fallback")
        if ends:
            daemon.wait_for("worker.killed", pid=process.pid)
            process.wait_gone()
        else:
            with contextlib.suppress(AssertionError):  # the daemon may have had enough of it
                process.crash()
        self.assertLess(resident(daemon.process.pid) - before, 96 << 20)
        self.assert_serves()

    def test_a_line_without_an_end(self):
        self.flood("x" * 64)

    def test_lines_without_an_end(self):
        self.flood('{"id":"nobody","reply":{}}\n', ends=False)

    def test_garbage_lines_without_an_end(self):
        self.flood("Traceback (most recent call last):\n", ends=False)

    def test_complaints_without_an_end(self):
        self.flood("all is lost\n", to="stderr", ends=False)

    def test_a_complaint_without_an_end(self):
        self.flood("all is lost ", to="stderr", ends=False)

    def test_a_large_answer(self):
        self.start()
        asking = self.ask("any")
        self.control.event().result("x" * 1_000_000)
        self.assertEqual(only_result(asking.answer()), "x" * 1_000_000)

    def test_a_worker_that_never_reads(self):
        daemon = self.start("deaf.py", concurrency=4, max_missed=1000, hang_timeout="600s")
        asking = [Asking(daemon.tcp, tool_calls(("short", {"pad": "x" * 500_000}))) for _ in range(6)]
        self.assert_healthy(20)
        for one in asking:
            self.assertEqual(only_result(one.answer()), "fallback")
        self.assert_healthy()
        daemon.stop()


class Rogues(WorkerTest):
    """All of it at once, as nobody would ever have it."""

    def test_everything_is_answered(self):
        daemon = self.start("rogue.py", workers=3, concurrency=4, hang_timeout="500ms", timeout="2s", queue=1000)
        healthy, troubled = [], []
        for turn in range(2):
            for name in ROGUE_TOOLS:
                troubled.append((name, Asking(daemon.tcp, tool_calls(name))))
                healthy.append(self.ask("healthy"))
        for one in healthy:
            self.assertEqual(only_result(one.answer()), "ok")
        for name, one in troubled:
            with self.subTest(name):
                self.assertIn(only_result(one.answer()), ("fallback", "rogue", "first", "late"))
        # And afterwards it is as good as new.
        deadline = time.monotonic() + PATIENCE
        while only_result(self.ask("well").answer()) != "rogue":
            self.assertLess(time.monotonic(), deadline, "the pool never recovers")


if __name__ == "__main__":
    unittest.main()
