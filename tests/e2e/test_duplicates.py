"""A delivery that comes twice is handled once, and both senders get the same answer."""

import json
import time
import unittest

from control import Control
from deliveries import Asking, event_body, post, request, tool_calls
from rawhttp import PATIENCE, Connection
from support import Daemon, config, route, source, worker


class Duplicates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.control = cls.enterClassContext(Control())
        text = config(
            sources=[source(), source("other", "/other")],
            handlers=[worker("held", "puppet.py", control=cls.control, concurrency=8)],
            routes=[
                route("tool-calls", "held", tool="slow", timeout="1s", fallback={"result": "fallback"}),
                route("*", "held"),
            ],
        )
        cls.daemon = cls.enterClassContext(Daemon(text))

    def deliver(self, body, answer=None, **more):
        """Posts; with an answer expects the event to reach the worker, which gives that answer."""
        asking = Asking(self.daemon.tcp, body, **more)
        if answer is not None:
            self.control.event().answer(answer)
        return asking.answer()

    def assert_same_again(self, first, again):
        self.assertIsNone(first.header("x-hookswitch-duplicate"))
        self.assertEqual(again.header("x-hookswitch-duplicate"), "true")
        self.assertEqual((again.status, again.body), (first.status, first.body))

    def assert_nothing_more_reached_the_worker(self):
        """The next event the worker sees is one made up here."""
        asking = Asking(self.daemon.tcp, tool_calls("marker"))
        event = self.control.event()
        self.assertEqual((event.tool if event["tool_call"] else event["type"]), "marker")
        event.result("ok")
        asking.answer()

    def test_one_after_the_other(self):
        for dialect in ("camel", "snake", "legacy"):
            body = tool_calls("find", dialect=dialect)
            first = self.deliver(body, {"result": {"n": dialect}})
            for _ in range(3):
                self.assert_same_again(first, self.deliver(body))
        self.assert_nothing_more_reached_the_worker()

    def test_while_the_first_is_in_work(self):
        body = tool_calls("find")
        with Connection(self.daemon.unix) as first, Connection(self.daemon.unix) as second:
            first.send(request(body))
            event = self.control.event()
            second.send(request(body))
            second.wait_until_read()
            self.assertFalse(second.readable(0))
            event.result("once")
            self.assert_same_again(first.response(), second.response())
        self.assert_nothing_more_reached_the_worker()

    def test_many_copies_at_once(self):
        body = tool_calls("find")
        asking = [Asking(address, body) for address in (self.daemon.tcp, self.daemon.unix) * 6]
        self.control.event().result("once")
        answers = [a.answer() for a in asking]
        self.assertEqual({a.body for a in answers}, {answers[0].body})
        self.assertEqual(sum(a.header("x-hookswitch-duplicate") == "true" for a in answers), 11)
        self.assert_nothing_more_reached_the_worker()

    def test_in_one_pipeline(self):
        body = tool_calls("find")
        with Connection(self.daemon.tcp) as connection:
            connection.send(request(body) * 2)
            self.control.event().result("once")
            self.assert_same_again(connection.response(), connection.response())
        self.assert_nothing_more_reached_the_worker()

    def test_the_copy_is_answered_when_the_first_sender_has_gone(self):
        body = tool_calls("find")
        first = Connection(self.daemon.tcp)
        first.send(request(body))
        event = self.control.event()
        first.reset()
        with Connection(self.daemon.unix) as second:
            second.send(request(body))
            second.wait_until_read()
            event.result("once")
            self.assertEqual(second.response().json()["results"][0]["result"], "once")
        self.assert_nothing_more_reached_the_worker()

    def test_signed_at_another_time(self):
        now = int(time.time())
        body = tool_calls("find")
        first = self.deliver(body, {"result": 1}, timestamp=now - 60)
        self.assert_same_again(first, self.deliver(body, timestamp=now))
        self.assert_nothing_more_reached_the_worker()

    def test_a_fallback_is_an_answer_too(self):
        body = tool_calls("slow")
        first = Asking(self.daemon.tcp, body)
        event = self.control.event()
        first = first.answer()
        self.assertEqual(first.json()["results"][0]["result"], "fallback")
        event.result("late")
        self.assert_same_again(first, self.deliver(body))
        self.assert_nothing_more_reached_the_worker()

    def test_told_only(self):
        for kind in ("status-update", "end-of-call-report", "call-quality"):
            body = event_body(kind)
            first = self.deliver(body, {})
            self.assert_same_again(first, self.deliver(body))
        self.assert_nothing_more_reached_the_worker()

    def test_other_source_other_delivery(self):
        body = tool_calls("find")
        self.deliver(body, {"result": 1})
        other = self.deliver(body, {"result": 2}, path="/other")
        self.assertIsNone(other.header("x-hookswitch-duplicate"))
        self.assertEqual(other.json()["results"][0]["result"], 2)

    def test_one_byte_more_is_another_delivery(self):
        body = tool_calls("find")
        self.deliver(body, {"result": 1})
        self.assertIsNone(self.deliver(body + b" ", {"result": 2}).header("x-hookswitch-duplicate"))

    def test_a_body_without_a_time_of_its_own(self):
        """Two calls of the same person to the same number look alike in the legacy dialect; only the header differs."""
        now = int(time.time())
        body = event_body("assistant-request", "legacy")
        first = self.deliver(body, {"assistant": {"first_message": "1"}}, timestamp=now - 60)
        second = self.deliver(body, {"assistant": {"first_message": "2"}}, timestamp=now)
        self.assertIsNone(second.header("x-hookswitch-duplicate"))
        self.assertEqual(second.json(), {"assistant": {"firstMessage": "2"}})
        self.assert_same_again(first, self.deliver(body, timestamp=now - 60))
        self.assert_same_again(second, self.deliver(body, timestamp=now))
        self.assert_nothing_more_reached_the_worker()


class Window(unittest.TestCase):
    def handled(self, window):
        text = config(
            journal={"dedupe_window": window},
            handlers=[worker("echo", "echo.py")],
            routes=[route("tool-calls", "echo")],
        )
        return self.enterContext(Daemon(text))

    def test_none(self):
        daemon = self.handled("0s")
        body = tool_calls("any")
        answers = [post(daemon.tcp, body) for _ in range(3)]
        self.assertTrue(all(a.header("x-hookswitch-duplicate") is None for a in answers))
        ids = {json.dumps(a.json()["results"][0]["result"]["id"]) for a in answers}
        self.assertEqual(len(ids), 3)

    def test_it_ends(self):
        daemon = self.handled("1s")
        body = tool_calls("any")
        first = post(daemon.tcp, body)
        self.assertEqual(post(daemon.tcp, body).header("x-hookswitch-duplicate"), "true")
        deadline = time.monotonic() + PATIENCE
        while (again := post(daemon.tcp, body)).header("x-hookswitch-duplicate"):
            self.assertEqual(again.body, first.body)
            self.assertLess(time.monotonic(), deadline, "remembered for ever")
        self.assertNotEqual(again.body, first.body)


if __name__ == "__main__":
    unittest.main()
