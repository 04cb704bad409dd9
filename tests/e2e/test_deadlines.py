"""Whatever a handler does, whoever waits is answered in time, and everyone else is served meanwhile.

Bounds here are the platform's own (5 s and 10 s); how close to a route's timeout the answers come is measured
by tests/bench. How workers are started, watched and replaced is in test_workers.py.
"""

import itertools
import time
import unittest

from control import Control
from deliveries import Asking, event_body, only_result, post, request, tool_calls
from rawhttp import PATIENCE, Connection
from support import Daemon, config, reply, route, worker

FALLBACK = {"result": "fallback"}
NOT_AVAILABLE = {"error": "This tool is not available."}


class Timed(Asking):
    """An Asking that knows how long its answer took."""

    def _ask(self, *arguments):
        started = time.monotonic()
        super()._ask(*arguments)
        self.seconds = time.monotonic() - started


class Held(unittest.TestCase):
    """One puppet that has room for many events, and a healthy neighbour."""

    @classmethod
    def setUpClass(cls):
        cls.control = cls.enterClassContext(Control())
        text = config(
            handlers=[
                worker("held", "puppet.py", control=cls.control, concurrency=16, max_missed=1000, hang_timeout="600s"),
                reply("fixed", {"result": "ok"}),
            ],
            routes=[
                route("tool-calls", "fixed", tool="healthy"),
                route("tool-calls", "held", tool="patient", fallback=FALLBACK),
                route("tool-calls", "held", tool="bare", timeout="1s"),
                route("tool-calls", "held", tool="default"),
                route("tool-calls", "held", timeout="1s", fallback=FALLBACK),
                route("assistant-request", "held", caller="+1", timeout="1s", fallback={"error": "Closed."}),
                route("assistant-request", "held", caller="+2", timeout="1s"),
                route("assistant-request", "held"),
            ],
        )
        cls.daemon = cls.enterClassContext(Daemon(text))

    def assert_healthy(self):
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("healthy"))), "ok")

    def test_a_handler_that_hangs(self):
        mark = self.daemon.mark()
        asking = Timed(self.daemon.tcp, tool_calls("hang"))
        event = self.control.event()
        self.assertTrue(0 < event["deadline_ms"] <= 1000, event["deadline_ms"])
        for _ in range(20):
            self.assert_healthy()
        self.assertEqual(only_result(asking.answer()), "fallback")
        self.assertTrue(0.9 < asking.seconds < 10, asking.seconds)
        self.daemon.wait_for("handler.failed", after=mark, handler="held")
        self.daemon.wait_for("event.answered", after=mark, id=event["id"], by="fallback")
        event.result("late")

    def test_fallbacks_of_an_assistant_request(self):
        for caller, answer in {"+1": {"error": "Closed."}, "+2": {}}.items():
            asking = Timed(self.daemon.tcp, event_body("assistant-request", caller=caller))
            self.control.event()
            self.assertEqual(asking.answer().json(), answer)
            self.assertLess(asking.seconds, 5)

    def test_no_fallback_is_the_built_in_answer(self):
        asking = Timed(self.daemon.tcp, tool_calls("bare"))
        self.control.event()
        self.assertEqual(only_result(asking.answer()), NOT_AVAILABLE)

    def test_the_limits_of_the_platform_hold_without_a_timeout_of_the_route(self):
        tool = Timed(self.daemon.tcp, tool_calls("default"))
        self.assertTrue(9000 < self.control.event()["deadline_ms"] <= 9500)
        greeting = Timed(self.daemon.tcp, event_body("assistant-request"))
        self.assertTrue(4000 < self.control.event()["deadline_ms"] <= 4500)
        self.assertEqual(greeting.answer().json(), {})
        self.assertLess(greeting.seconds, 5)
        self.assertEqual(only_result(tool.answer()), NOT_AVAILABLE)
        self.assertLess(tool.seconds, 10)

    def test_late_answers_are_dropped_and_logged(self):
        asking = Timed(self.daemon.tcp, tool_calls("late"))
        event = self.control.event()
        self.assertEqual(only_result(asking.answer()), "fallback")
        mark = self.daemon.mark()
        event.result("late")
        self.daemon.wait_for("handler.late", after=mark, id=event["id"])
        # The worker is none the worse for it.
        asking = Timed(self.daemon.tcp, tool_calls("patient"))
        self.control.event().result("in time")
        self.assertEqual(only_result(asking.answer()), "in time")

    def test_the_second_of_two_answers_is_dropped_and_logged(self):
        asking = Timed(self.daemon.tcp, tool_calls("patient"))
        event = self.control.event()
        mark = self.daemon.mark()
        event.worker.write(
            "".join('{"id":"%s","reply":{"result":"%s"}}\n' % (event["id"], text) for text in ("first", "second"))
        )
        self.assertEqual(only_result(asking.answer()), "first")
        self.daemon.wait_for("handler.late", after=mark, id=event["id"])

    def test_answers_in_any_order(self):
        asking = {n: Timed(self.daemon.tcp, tool_calls(("patient", {"n": n}))) for n in range(8)}
        for event in [self.control.event() for _ in range(8)][::-1]:
            event.result(event["tool_call"]["arguments"]["n"])
        for n, one in asking.items():
            self.assertEqual(only_result(one.answer()), n)

    def test_answers_cut_and_joined(self):
        asking = [Timed(self.daemon.tcp, tool_calls("patient")) for _ in range(2)]
        first, second = self.control.event(), self.control.event()
        lines = "".join('{"id":"%s","reply":{"result":"ok"}}\n' % e["id"] for e in (first, second))
        for at in range(0, len(lines), 30):
            first.worker.write(lines[at : at + 30])
        for one in asking:
            self.assertEqual(only_result(one.answer()), "ok")

    def test_lines_with_carriage_returns_and_empty_lines(self):
        asking = Timed(self.daemon.tcp, tool_calls("patient"))
        event = self.control.event()
        event.worker.write('\r\n\n{"reply": {"result": "ok"}, "more": 1, "id": "%s"}\r\n' % event["id"])
        self.assertEqual(only_result(asking.answer()), "ok")

    def test_garbage_before_the_answer(self):
        for garbage in ("hello\n", "{]\n", "[]\n", "null\n", "{}\n", '{"id":7}\n',
                        '{"id":"nobody","reply":{"result":1}}\n', "\x00\x01\n",
                        '{"hookswitch":1}\n', '{"id":\n', "é" * 5000 + "\n"):
            with self.subTest(garbage[:30]):
                asking = Timed(self.daemon.tcp, tool_calls("patient"))
                event = self.control.event()
                event.worker.write(garbage)
                event.result("after all")
                self.assertEqual(only_result(asking.answer()), "after all")

    def test_garbage_is_logged(self):
        asking = Timed(self.daemon.tcp, tool_calls("patient"))
        event = self.control.event()
        event.worker.write('print("forgotten")\n')
        event.result("ok")
        asking.answer()
        self.daemon.wait_for("worker.garbage", handler="held")  # not each time: a line per worker and second

    def test_answers_that_are_no_answer(self):
        """Known id, unusable reply: the fallback, and at once rather than at the deadline if the daemon likes."""
        for rest in ('"reply":"text"', '"reply":7', '"error":"text"', '"reply":{"unknown":1}', '"reply":null',
                     '"more":1', '"reply":[]', '"error":{"message":"CRM is down","retry":true}'):
            with self.subTest(rest):
                asking = Timed(self.daemon.tcp, tool_calls("bad"))
                event = self.control.event()
                event.worker.write('{"id":"%s",%s}\n' % (event["id"], rest))
                self.assertEqual(only_result(asking.answer()), "fallback")
                self.assertLess(asking.seconds, 10)

    def test_a_handler_that_fails_is_not_waited_for(self):
        asking = Timed(self.daemon.tcp, tool_calls("patient"))
        mark = self.daemon.mark()
        self.control.event().fail("CRM is down")
        self.assertEqual(only_result(asking.answer()), "fallback")
        self.assertLess(asking.seconds, 5, "the deadline of this route is 9.5 s")
        self.assertIn("CRM is down", self.daemon.wait_for("handler.failed", after=mark)["why"])

    def test_a_hanging_call_of_a_fan_out_costs_only_itself(self):
        asking = Timed(self.daemon.tcp, tool_calls("healthy", "hang", "patient"))
        for event in (self.control.event(), self.control.event()):
            if event.tool == "patient":
                event.result("in time")
        self.assertEqual([r["result"] for r in asking.answer().json()["results"]], ["ok", "fallback", "in time"])
        self.assertLess(asking.seconds, 10)

    def test_a_sender_that_gives_up(self):
        connection = Connection(self.daemon.tcp)
        connection.send(request(tool_calls("patient")))
        event = self.control.event()
        connection.reset()
        event.result("nobody listens")
        self.assert_healthy()


class Queues(unittest.TestCase):
    serial = itertools.count()

    def start(self, **more):
        control = self.enterContext(Control())
        pool = {"workers": 1, "concurrency": 1, "queue": 2, "max_missed": 1000, "hang_timeout": "600s", **more}
        text = config(
            server={"drain_timeout": "1s"},
            handlers=[worker("held", "puppet.py", control=control, **pool), reply("fixed", {"result": "ok"})],
            routes=[
                route("tool-calls", "fixed", tool="healthy"),
                route("tool-calls", "held", tool="patient", fallback=FALLBACK),
                route("tool-calls", "held", timeout="1s", fallback=FALLBACK),
                route("status-update", "held", timeout="10m"),
            ],
        )
        return control, self.enterContext(Daemon(text))

    def test_waited_for_events_over_the_queue_are_answered_at_once(self):
        control, daemon = self.start()
        in_work = Timed(daemon.tcp, tool_calls("patient"))
        event = control.event()
        # Two may wait. Which two of these that is, nobody knows; the others must not wait at all.
        rest = [Timed(daemon.tcp, tool_calls("patient")) for _ in range(6)]
        daemon.wait_for("event.answered", by="fallback", count=4)
        self.assertEqual(only_result(post(daemon.tcp, tool_calls("healthy"))), "ok")
        event.result("served")
        for _ in range(2):
            control.event().result("served")
        self.assertEqual(only_result(in_work.answer()), "served")
        self.assertEqual(sorted(only_result(r.answer()) for r in rest), ["fallback"] * 4 + ["served"] * 2)

    def test_an_event_that_waits_too_long_never_reaches_the_worker(self):
        control, daemon = self.start()
        in_work = Timed(daemon.tcp, tool_calls("patient"))
        first = control.event()
        waiting = Timed(daemon.tcp, tool_calls("short"))
        self.assertEqual(only_result(waiting.answer()), "fallback")
        # It is over; nobody would read that answer.
        first.result("served")
        in_work.answer()
        after = Timed(daemon.tcp, tool_calls("patient"))
        event = control.event()
        self.assertEqual(event.tool, "patient")
        event.result("next")
        self.assertEqual(only_result(after.answer()), "next")

    def test_a_slot_is_held_until_the_worker_answers(self):
        """A missed deadline does not make a busy worker free."""
        control, daemon = self.start()
        missed = Timed(daemon.tcp, tool_calls("short"))
        first = control.event()
        self.assertEqual(only_result(missed.answer()), "fallback")
        waiting = Timed(daemon.tcp, tool_calls("patient"))
        self.assertEqual(only_result(post(daemon.tcp, tool_calls("healthy"))), "ok")
        self.assertTrue(control.idle())
        first.result("late")
        control.event().result("served")
        self.assertEqual(only_result(waiting.answer()), "served")

    def post_told_only(self, daemon, count):
        for _ in range(count):
            response = post(daemon.tcp, event_body("status-update", status=f"s{next(self.serial)}"))
            self.assertIn((response.status), (200, 503))

    def test_told_only_events_that_find_no_room_are_503_and_can_come_again(self):
        control, daemon = self.start(queue=100)
        taken = 0
        while True:
            body = event_body("status-update", status="x" * 1_900_000)
            response = post(daemon.unix, body)
            if response.status == 503:
                break
            self.assertEqual((response.status, response.json()), (200, {}))
            taken += 1
            self.assertLess(taken, 1000, "room without end")
        self.assertEqual(response.code, "overloaded")
        self.assertGreater(int(response.header("retry-after")), 0)
        again = post(daemon.unix, body)
        self.assertEqual(again.status, 503, "a refusal is no answer to be given again")
        # Others are served meanwhile; and when there is room, what was refused is taken as if for the first time.
        self.assertEqual(only_result(post(daemon.tcp, tool_calls("healthy"))), "ok")
        deadline = time.monotonic() + PATIENCE
        while again.status == 503:
            self.assertLess(time.monotonic(), deadline)
            control.event().answer({})
            again = post(daemon.unix, body)
        self.assertEqual(again.status, 200)
        self.assertIsNone(again.header("x-hookswitch-duplicate"))

    def test_told_only_events_do_not_push_back_who_waits(self):
        control, daemon = self.start(queue=1)
        self.post_told_only(daemon, 12)
        first = control.event()
        self.post_told_only(daemon, 12)
        waiting = [Timed(daemon.tcp, tool_calls("patient")) for _ in range(2)]
        # There is room for one of them; when the other is sent away, it is in its place.
        daemon.wait_for("event.answered", type="tool-calls", by="fallback")
        first.answer({})
        event = control.event()
        self.assertEqual(event["type"], "tool-calls", "behind those who do not wait")
        event.result("served")
        self.assertEqual(sorted(only_result(w.answer()) for w in waiting), ["fallback", "served"])

    def test_told_only_events_leave_a_slot_free(self):
        control, daemon = self.start(concurrency=3, queue=8)
        self.post_told_only(daemon, 12)
        told = [control.event()]
        self.post_told_only(daemon, 12)
        waiting = Timed(daemon.tcp, tool_calls("patient"))
        while (event := control.event())["type"] != "tool-calls":
            told.append(event)
        self.assertLessEqual(len(told), 2)
        event.result("served")
        self.assertEqual(only_result(waiting.answer()), "served")


if __name__ == "__main__":
    unittest.main()
