"""How worker processes are started and watched, and what becomes of the events of one that dies."""

import os
import re
import time
import unittest

from control import Control
from deliveries import event_body, only_result, post, tool_calls
from rawhttp import PATIENCE
from support import Daemon, config, reply, route, worker
from worker_case import FALLBACK, WorkerTest, alive


class Start(WorkerTest):
    def test_pool_directory_environment_and_descriptors(self):
        daemon = self.start(workers=3, environment={"DESK": "a b=ü"})
        workers = [self.control.worker() for _ in range(3)]
        for process in workers:
            self.assertEqual(process.environment["DESK"], "a b=ü")
            self.assertEqual(process.directory, str(daemon.directory))
            self.assertEqual(process.environment.get("PATH"), os.environ.get("PATH"))
            # Nothing of the daemon's is inherited: no listener, no client, nothing to tell systemd with.
            own = {"0", "1", "2"}
            sockets = [f"{n} -> {to}" for n, to in process.descriptors.items() if n not in own]
            self.assertLessEqual(len(sockets), 1, f"only the link to the test: {process.descriptors}")
        pids = {process.pid for process in workers}
        daemon.wait_for("worker.started", count=3)
        self.assertEqual({int(r["pid"]) for r in daemon.records("worker.started", handler="held")}, pids)
        daemon.stop()
        for process in workers:
            process.wait_gone()
            self.assertFalse(alive(process.pid))

    def test_directory_and_relative_command(self):
        with Control() as control:
            entry = worker("held", "puppet.py", control=control, directory="desk")
            text = config(handlers=[entry], routes=[route("tool-calls", "held")])
            daemon = Daemon(text)
            (daemon.directory / "desk").mkdir()
            with daemon:
                self.assertEqual(control.worker().directory, str(daemon.directory / "desk"))

    def test_signals_are_not_blocked_or_ignored(self):
        daemon = self.start()
        process = self.control.worker()
        with open(f"/proc/{process.pid}/status") as status:
            text = status.read()
        blocked = int(re.search(r"SigBlk:\s+(\w+)", text)[1], 16)
        self.assertEqual(blocked, 0, "a worker that cannot be told to stop")
        daemon.stop()

    def test_standard_error_is_logged_line_by_line(self):
        daemon = self.start()
        process = self.control.worker()
        nasty = 'first\nsecond "quoted"\n{"level":"error"}\n\x1b[31mred\x07\nlast'
        process.order(stderr=nasty)
        for line in ("first", 'second "quoted"', '{"level":"error"}'):
            record = daemon.wait_for("worker.stderr", line=line)
            self.assertEqual((record["handler"], int(record["pid"])), ("held", process.pid))
        # The unfinished last line comes when the worker ends.
        process.exit()
        daemon.wait_for("worker.stderr", line="last")

    def test_false_starts(self):
        """Nobody waits for a worker that never gets up, and it is tried again, ever more slowly."""
        for how in ("silent", "version", "text", "answer", "exit", "flood"):
            with self.subTest(how):
                text = config(
                    handlers=[
                        worker("false", "false_start.py", how, start_timeout="500ms"),
                        reply("fixed", {"result": "ok"}),
                    ],
                    routes=[
                        route("tool-calls", "fixed", tool="healthy"),
                        route("tool-calls", "false", timeout="2s", fallback=FALLBACK),
                    ],
                )
                with Daemon(text) as self.daemon:
                    asking = [self.ask("any") for _ in range(3)]
                    self.assert_healthy(3)
                    self.daemon.wait_for("worker.restarting", count=3, handler="false")
                    for one in asking:
                        self.assertEqual(only_result(one.answer()), "fallback")
                    first, _, third = [int(r["in_ms"]) for r in self.daemon.records("worker.restarting")][:3]
                    self.assertGreaterEqual(third, 2 * first, "the pauses grow")

    def test_a_command_that_is_not_there(self):
        entry = {"name": "gone", "type": "worker", "command": ["/nonexistent/desk"]}
        text = config(handlers=[entry], routes=[route("tool-calls", "gone", timeout="1s", fallback=FALLBACK)])
        daemon = Daemon(text)
        try:
            daemon.launch()
            record = daemon.wait_for(("server.ready", "worker.restarting", "worker.exited"), timeout=PATIENCE)
        except AssertionError:
            daemon.expect_exit(1)
            self.assertIn("/nonexistent/desk", daemon.text())
        else:
            # Started nevertheless (the file may come): then events are answered.
            daemon.wait_for("server.ready")
            address = daemon.unix
            self.assertEqual(only_result(post(address, tool_calls("any"))), "fallback")
            self.assertIn("/nonexistent/desk", daemon.text(), record)
            daemon.stop()
        finally:
            daemon.kill()


class Death(WorkerTest):
    def test_an_open_event_is_given_to_the_next_worker(self):
        daemon = self.start()
        asking = self.ask("any")
        first = self.control.event()
        self.assertEqual(first["attempt"], 1)
        first.worker.crash()
        daemon.wait_for("worker.exited", handler="held", pid=first.worker.pid)
        second = self.control.event()
        self.assertNotEqual(second.worker.pid, first.worker.pid)
        self.assertEqual((second["id"], second["attempt"]), (first["id"], 2))
        self.assertLess(second["deadline_ms"], first["deadline_ms"])
        second.result("second try")
        self.assertEqual(only_result(asking.answer()), "second try")

    def test_or_to_another_one_that_is_there_already(self):
        self.start(workers=2, concurrency=2)
        for _ in range(2):
            self.control.worker()
        asking = [self.ask("any") for _ in range(3)]
        events = [self.control.event() for _ in range(3)]
        doomed = events[0].worker
        lost = {e["id"] for e in events if e.worker is doomed}
        doomed.crash()
        for event in events:
            if event.worker is not doomed:
                event.result("survived")
        again = [self.control.event() for _ in lost]
        self.assertEqual({(e["id"], e["attempt"]) for e in again}, {(i, 2) for i in lost})
        for event in again:
            event.result("survived")
        self.assertEqual([only_result(a.answer()) for a in asking], ["survived"] * 3)

    def test_a_third_time_is_too_many(self):
        self.start()
        asking = self.ask("any")
        started = time.monotonic()
        self.control.event().worker.exit(3)
        self.control.event().worker.exit(3)
        self.assertEqual(only_result(asking.answer()), "fallback")
        self.assertLess(time.monotonic() - started, 8, "known to have failed long before the deadline of 9 s")
        self.assert_serves()

    def test_told_only_events_are_given_again_too(self):
        daemon = self.start()
        self.assertEqual(post(daemon.tcp, event_body("end-of-call-report", summary="s")).status, 200)
        first = self.control.event()
        first.worker.crash()
        second = self.control.event()
        self.assertEqual((second["id"], second["attempt"], second["report"]["summary"]), (first["id"], 2, "s"))
        second.answer({})

    def test_waiting_events_survive_a_crash_as_a_first_attempt(self):
        daemon = self.start()
        asking = [self.ask("any") for _ in range(4)]
        first = self.control.event()
        daemon.wait_for("event.accepted", count=4)
        first.worker.crash()
        attempts = []
        for _ in range(4):
            event = self.control.event()
            attempts.append(event["attempt"])
            event.result("served")
        self.assertEqual([only_result(a.answer()) for a in asking], ["served"] * 4)
        self.assertEqual(sorted(attempts), [1, 1, 1, 2])

    def test_a_closed_output_is_a_death(self):
        self.start()
        asking = self.ask("any")
        event = self.control.event()
        event.worker.order(close=1)
        second = self.control.event()
        self.assertEqual(second["attempt"], 2)
        second.result("served")
        self.assertEqual(only_result(asking.answer()), "served")
        event.worker.wait_gone()

    def test_a_restart_after_a_good_life_does_not_wait(self):
        self.start()
        for _ in range(3):
            self.assert_serves()
        self.control.worker().crash()
        started = time.monotonic()
        self.control.worker()
        self.assertLess(time.monotonic() - started, 5)
        self.assert_serves()

    def test_exit_status_and_signal_are_told(self):
        daemon = self.start()
        self.control.worker().exit(9)
        self.assertRegex(str(daemon.wait_for("worker.exited")), r"\b9\b")
        self.control.worker().order(signal=11)
        daemon.wait_for("worker.exited", count=2)
        self.assertRegex(str(daemon.records("worker.exited")[1]), r"11|SEGV|[Ss]egmentation")


if __name__ == "__main__":
    unittest.main()
