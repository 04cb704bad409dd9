"""What handlers want of a call reaches the platform: in order, once, in time, and also after a crash."""

import json
import sqlite3
import threading
import time
import unittest
from contextlib import closing

from control import Control
from deliveries import Asking, event_body, only_result, post, tool_calls
from journal_file import JournalFile
from platform_stub import PlatformStub
from rawhttp import PATIENCE
from support import API_KEY, DURABLE, Daemon, await_that, config, reply, route, worker

SENT = (200, {"success": True, "message": "Command sent successfully"})
SAY = {"type": "say", "content": "One moment."}
SAY_SENT = {**SAY, "end_after": False}
END = {"type": "end-call"}


class Gate:
    """An answer of the platform that is held until it is opened."""

    def __init__(self, answer=SENT):
        self.asked, self._open, self._answer = threading.Event(), threading.Event(), answer

    def __call__(self, asked):
        self.asked.set()
        self._open.wait(PATIENCE)
        return self._answer

    def wait_asked(self):
        if not self.asked.wait(PATIENCE):
            raise AssertionError("the platform was not asked")

    def open(self):
        self._open.set()


class ActionsTest(unittest.TestCase):
    def start(self, *answers, handlers=(), routes=(), journal=DURABLE, server=None, **route_settings):
        self.platform = self.enterContext(PlatformStub(*(answers or [SENT])))
        self.control = self.enterContext(Control())
        held = worker("held", "puppet.py", control=self.control, concurrency=8)

        def text(platform):
            return config(server=server, platform=platform, journal=journal, handlers=[held, *handlers],
                          routes=[*routes, route("*", "held", timeout="9s", **route_settings)])

        self.without_platform = text(None)
        self.daemon = self.enterContext(Daemon(text({"base_url": self.platform.url})))
        self.addCleanup(lambda: [a.open() for a in answers if isinstance(a, Gate)])

    def act(self, *actions, call="c1"):
        """A tool call whose answer has these actions; returns when the platform of calls has its answer."""
        asking = Asking(self.daemon.tcp, tool_calls("any", call_id=call))
        self.control.event().answer({"result": "ok"}, actions=list(actions))
        self.assertEqual(only_result(asking.answer()), "ok")

    def await_asked(self, count):
        await_that(lambda: len(self.platform.asked) >= count, f"{count} requests at the platform")
        return self.platform.asked

    def bodies(self):
        return [asked.json() for asked in self.platform.asked]

    def commands(self):
        file = self.daemon.directory / "hookswitch.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM command ORDER BY n")]

    def await_states(self, *states):
        await_that(lambda: [c["state"] for c in self.commands()] == list(states),
                   lambda: f"{states} instead of {self.commands()}")
        return self.commands()


class OfAnAnswer(ActionsTest):
    def test_are_sent_in_order_and_recorded(self):
        self.start()
        self.act(SAY, {"type": "transfer", "destination": "+31201234567"}, call="call-_+31612345678_abc")
        asked = self.await_asked(2)
        self.assertEqual([a.json() for a in asked],
                         [SAY_SENT, {"type": "transfer", "destination": "+31201234567"}])
        for each in asked:
            self.assertEqual((each.method, each.path),
                             ("POST", "/api/v1/calls/call-_%2B31612345678_abc/control"))
            self.assertEqual(each.headers["Authorization"], f"Bearer {API_KEY}")
            self.assertEqual(each.headers["Content-Type"], "application/json")
        first, second = self.await_states("sent", "sent")
        self.assertEqual((first["type"], first["by"], first["status"], first["why"]), ("say", "handler held", 200, None))
        self.assertEqual(json.loads(first["body"]), SAY_SENT)
        (event,) = JournalFile(self.daemon.directory / "hookswitch.db").events()
        self.assertEqual({first["event"], second["event"]}, {event.id})
        self.assertNotIn("One moment", self.daemon.text())
        self.assertNotIn(API_KEY, self.daemon.text())

    def test_wait_for_one_another_but_not_for_other_calls(self):
        gate = Gate()
        self.start(gate, SENT)
        self.act(SAY, END, call="c1")
        gate.wait_asked()
        self.act(SAY, call="c2")
        self.await_asked(2)
        self.assertEqual([a.path.split("/")[4] for a in self.platform.asked], ["c1", "c2"])
        gate.open()
        self.await_asked(3)
        self.assertEqual(self.bodies()[2], END)

    def test_that_are_no_actions_are_said_to_be_so(self):
        self.start()
        self.act({"type": "sing"}, {"type": "say"}, SAY)
        self.await_states("sent")
        self.assertEqual(len(self.daemon.records("action.invalid")), 2)
        self.assertEqual(self.bodies(), [SAY_SENT])

    def test_of_a_told_only_event(self):
        self.start()
        post(self.daemon.tcp, event_body("status-update", call_id="c1"))
        self.control.event().answer({}, actions=[SAY])
        self.await_states("sent")
        self.assertEqual(self.bodies(), [SAY_SENT])

    def test_unasked(self):
        self.start()
        self.control.worker().say({"call": "c7", "actions": [SAY, {"type": "inject-context", "content": "done"}]})
        self.await_states("sent", "sent")
        self.assertEqual(self.bodies()[1], {"type": "inject-context", "content": "done", "trigger_response": False})
        self.assertEqual(self.platform.asked[0].path, "/api/v1/calls/c7/control")

    def test_without_a_journal(self):
        self.start(journal={"sync": "off"})
        self.act(SAY, END)
        self.await_asked(2)
        self.daemon.wait_for("action.sent", count=2)

    def test_without_a_platform_are_dropped_and_said_to_be(self):
        self.control = self.enterContext(Control())
        self.daemon = self.enterContext(Daemon(config(
            handlers=[worker("held", "puppet.py", control=self.control)], routes=[route("*", "held")])))
        self.act(SAY)
        self.assertIn("[platform]", self.daemon.wait_for("action.dropped", call="c1")["why"])

    def test_after_the_end_of_the_call_are_not_sent(self):
        self.start()
        self.act(END, SAY, SAY)
        self.await_states("sent", "dropped", "dropped")
        self.assertEqual(self.bodies(), [END])

    def test_say_what_a_realtime_model_does_with_them(self):
        self.start()
        assistant = {"llm_config": {"provider": "xai_realtime"}}
        asking = Asking(self.daemon.tcp, tool_calls("any", call_id="c1", dialect="snake", assistant=assistant))
        self.control.event().answer({"result": "ok"}, actions=[SAY, END])
        asking.answer()
        self.await_states("sent", "sent")
        (warning,) = self.daemon.records("action.realtime")
        self.assertEqual((warning["type"], warning["call"]), ("say", "c1"))


class Late(ActionsTest):
    def late(self, mode, actions=()):
        self.start(routes=[route("tool-calls", "held", tool="slow", timeout="100ms", late=mode,
                                 fallback={"result": "later"})])
        asking = Asking(self.daemon.tcp, tool_calls("slow", call_id="c1"))
        event = self.control.event()
        self.assertEqual(only_result(asking.answer()), "later")
        event.answer({"result": {"name": "Jan", "open": 2}}, actions=list(actions))

    def test_injected(self):
        self.late("inject", [SAY])
        self.await_states("sent", "sent")
        self.assertEqual(self.bodies()[0], {
            "type": "inject-context", "trigger_response": True,
            "content": 'The result of the tool "slow" came late: {"name":"Jan","open":2}'})
        self.assertEqual(self.bodies()[1], SAY_SENT)
        self.assertEqual(self.daemon.wait_for("handler.late")["injected"], True)

    def test_of_one_tool_of_several_comes_after_the_answer_to_all(self):
        gate = Gate()
        self.start(gate, routes=[route("tool-calls", "held", tool="slow", timeout="100ms", late="inject",
                                       fallback={"result": "later"})])
        asking = Asking(self.daemon.tcp, tool_calls("slow", "other", call_id="c1"))
        slow, other = sorted([self.control.event(), self.control.event()], key=lambda e: e.tool, reverse=True)
        self.daemon.wait_for("handler.failed", id=slow["id"])
        slow.answer({"result": "Jan"})
        self.daemon.wait_for("handler.late", injected=True)
        slow.worker.say({"call": "c2", "actions": [SAY]})
        await_that(self.commands, "a later command is on record")
        self.assertEqual([c["call"] for c in self.commands()], ["c2"])
        other.answer({"result": "ok"}, actions=[SAY])
        asking.answer()
        gate.wait_asked()
        gate.open()
        self.await_states("sent", "sent", "sent")
        first, second = [b for b, a in zip(self.bodies(), self.platform.asked) if "/c1/" in a.path]
        self.assertIn("Jan", first["content"])
        self.assertEqual(second, SAY_SENT)

    def test_dropped(self):
        self.late("drop", [SAY])
        self.daemon.wait_for("handler.late", injected=False)
        self.act(END)
        self.await_states("sent")
        self.assertEqual(self.bodies(), [END])


class ControlHandlers(ActionsTest):
    def start(self, **handler):
        super().start(handlers=[{"name": "desk", "type": "control", **handler}],
                      routes=[route("tool-calls", "desk", tool="desk")])

    def ask(self, **arguments):
        return only_result(post(self.daemon.tcp, tool_calls(("desk", arguments), call_id="c1")))

    def test_turns_a_tool_into_commands(self):
        self.start(actions=[
            {"type": "say", "content": "One moment, ${tool_call.arguments.name:-please}."},
            {"type": "transfer", "destination": "${tool_call.arguments.to:-+31201234567}", "message": "Here you are."},
        ], reply={"result": {"transferred": True, "name": "${tool_call.arguments.name}"}})
        self.assertEqual(self.ask(name="Jan"), {"transferred": True, "name": "Jan"})
        self.await_states("sent", "sent")
        self.assertEqual(self.bodies(), [
            {"type": "say", "content": "One moment, Jan.", "end_after": False},
            {"type": "transfer", "destination": "+31201234567", "message": "Here you are."}])
        self.assertEqual(self.commands()[0]["by"], "handler desk")

    def test_answers_by_itself(self):
        self.start(actions=[{"type": "end-call"}])
        self.assertEqual(self.ask(), "Done.")
        self.await_states("sent")

    def test_tells_the_model_what_cannot_be_done(self):
        self.start(actions=[{"type": "transfer", "destination": "${tool_call.arguments.to}"}])
        self.assertIn("destination", self.ask(to="the boss")["error"])
        self.assertEqual(self.daemon.wait_for("action.invalid")["handler"], "desk")
        self.assertEqual(self.platform.asked, [])


class Trouble(ActionsTest):
    def test_a_429_is_waited_out(self):
        limits = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "Retry-After": "1",
                  "X-RateLimit-Reset": str(int(time.time()) + 1)}
        self.start((429, {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, limits), SENT)
        self.act(SAY)
        self.await_states("sent")
        self.assertEqual(self.bodies(), [SAY_SENT, SAY_SENT])
        self.daemon.wait_for("action.rate_limited", call="c1")

    def test_a_429_without_a_wait_is_not_answered_at_once(self):
        self.start((429, b"slow down", {"Retry-After": "0"}))
        began = time.monotonic()
        self.act(SAY)
        self.await_asked(3)
        self.assertGreater(time.monotonic() - began, 0.9)

    def test_header_fields_out_of_all_bounds_mean_nothing(self):
        most, least = str(2**63 - 1), str(-2**63)
        self.start(*[(*SENT, {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining,
                              "X-RateLimit-Reset": reset})
                     for limit, remaining, reset in [(most, least, "1000000000000"), (least, least, "0"),
                                                     (most, most, "0"), ("1", least, "-1")]])
        for call in ["c1", "c2", "c3", "c4"]:
            self.act(SAY, call=call)
        self.await_asked(1)
        self.daemon.wait_for("action.sent")

    def test_ids_that_cannot_be_sent_cost_nothing(self):
        self.start()
        puppet = self.control.worker()
        for call in ["..", ".", "x" * 5000] * 40:
            puppet.say({"call": call, "actions": [SAY] * 2})
        self.daemon.wait_for("action.refused", count=30)  # of 240, but no more lines that say the same
        self.act(END, call="a/b\x01")
        self.daemon.wait_for("action.sent")
        self.assertEqual([a.path for a in self.platform.asked], ["/api/v1/calls/a%2Fb%01/control"])

    def test_an_event_of_no_call_has_no_call_to_steer(self):
        self.start()
        asking = Asking(self.daemon.tcp, event_body("assistant-request", "legacy"))
        self.control.event().answer({"first_message": "Hi"}, actions=[SAY])
        asking.answer()
        self.daemon.wait_for("action.refused")
        self.assertEqual(self.platform.asked, [])

    def test_a_reload_without_the_platform_drops_what_waits(self):
        self.start()
        self.act(*[SAY] * 12)
        self.await_asked(10)
        self.await_states(*["sent"] * 10, None, None)
        self.daemon.reload(self.without_platform)
        self.await_states(*["sent"] * 10, "dropped", "dropped")
        self.assertIn("[platform]", self.commands()[-1]["why"])

    def test_what_is_refused_holds_up_nothing(self):
        self.start((400, {"error": {"code": "invalid_request", "message": "call is not active"}}), SENT)
        self.act(SAY, END)
        first, _ = self.await_states("refused", "sent")
        self.assertEqual((first["status"], first["why"]), (400, "HTTP 400: call is not active (code invalid_request)"))

    def test_what_may_have_been_done_is_not_repeated(self):
        self.start((502, b"<html>Bad gateway</html>"), SENT)
        self.act(SAY, END)
        self.await_states("failed", "sent")
        self.assertEqual(self.bodies(), [SAY_SENT, END])

    def test_a_platform_that_cannot_be_reached_is_tried_again(self):
        self.start()
        self.platform.server.shutdown()
        self.platform.server.server_close()
        self.act(SAY)
        self.daemon.wait_for("platform.unreachable")
        again = PlatformStub.again(self.platform)
        with again:
            await_that(lambda: again.asked, "the platform is asked when it is back")
            self.await_states("sent")

    def test_the_caller_does_not_wait_for_the_platform(self):
        gate = Gate()
        self.start(gate)
        self.act(SAY)
        gate.wait_asked()
        self.assertEqual(self.await_states(None)[0]["ended_at"], None)
        gate.open()
        self.await_states("sent")

    def test_a_stop_waits_for_what_is_in_flight_and_leaves_the_rest(self):
        gate = Gate()
        self.start(gate, SENT)
        self.act(SAY, {"type": "say", "content": "second"})
        gate.wait_asked()
        self.daemon.terminate()
        self.daemon.wait_for("server.stopping")
        gate.open()
        self.daemon.expect_exit(0)
        states = [c["state"] for c in self.commands()]
        self.assertEqual(states[0], "sent")
        self.daemon.start()
        self.await_states("sent", "sent")
        self.assertEqual(self.bodies(), [SAY_SENT, {"type": "say", "content": "second", "end_after": False}])


    def test_a_stop_does_not_wait_for_a_platform_that_hangs(self):
        gates = [Gate() for _ in range(3)]
        self.start(*gates, SENT, server={"drain_timeout": "1s"})
        for call in ["c1", "c2"]:
            self.act(SAY, {"type": "inject-context", "content": "more"}, call=call)
        for gate in gates[:2]:
            gate.wait_asked()
        self.daemon.terminate()
        self.daemon.expect_exit(0, timeout=8)
        # What the platform may have carried out is not repeated.
        self.assertEqual([c["state"] for c in self.commands()], ["failed", None, "failed", None])
        for gate in gates:
            gate.open()
        self.daemon.start()
        self.await_states("failed", "sent", "failed", "sent")


class AfterACrash(ActionsTest):
    def test_what_was_confirmed_is_not_repeated_and_the_rest_is_sent(self):
        gate = Gate()
        self.start(SENT, gate, SENT)
        self.act({"type": "say", "content": "first"}, {"type": "say", "content": "second"}, END)
        gate.wait_asked()
        await_that(lambda: self.commands()[0]["state"] == "sent", "the first is on record")
        self.daemon.crash()
        gate.open()
        self.daemon.start()
        self.await_states("sent", "sent", "sent")
        self.assertEqual([b.get("content") for b in self.bodies()], ["first", "second", "second", None])

    def test_what_is_stale_is_never_sent(self):
        gate = Gate()
        self.start(gate, SENT)
        self.act(SAY, SAY)
        gate.wait_asked()
        self.daemon.crash()
        gate.open()
        with closing(sqlite3.connect(self.daemon.directory / "hookswitch.db")) as database:
            database.execute("UPDATE command SET at = at - 31000")
            database.commit()
        self.daemon.start()
        self.await_states("expired", "expired")
        self.act(END)
        self.await_states("expired", "expired", "sent")
        self.assertEqual(self.bodies()[1:], [END])

    def test_an_answer_that_was_given_has_its_actions_on_disk(self):
        """Killed as soon as the platform has the answer, again and again."""
        gates = [Gate() for _ in range(5)]
        self.start(*gates, SENT)
        for n in range(5):
            self.act({"type": "say", "content": f"number {n}"}, call=f"c{n}")
            self.daemon.crash()
            gates[n].open()
            self.daemon.start()
        await_that(lambda: [c["state"] for c in self.commands()] == ["sent"] * 5, "all are sent")
        for n in range(5):
            self.assertIn(f"number {n}", [b["content"] for b in self.bodies()])


if __name__ == "__main__":
    unittest.main()
