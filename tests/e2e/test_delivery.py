"""Told-only events on their way to their handlers: again until they are there, in order, each once on record."""

import json
import unittest

from control import Control
from deliveries import event_body, post, request
from journal_case import STEP, JournalTest, call_of
from journal_file import append_events
from rawhttp import Connection
from support import DURABLE, await_that, config, route, worker


class Retries(JournalTest):
    def test_it_fails_and_then_succeeds(self):
        daemon = self.start([self.puppet(retry=[STEP] * 5)])
        body = self.tell()
        event = None
        for attempt in (1, 2, 3, 4):
            event, before = self.control.event(), event
            self.assertEqual(event["attempt"], attempt)
            if before:
                self.assertEqual({**event, "attempt": 0, "deadline_ms": 0}, {**before, "attempt": 0, "deadline_ms": 0})
            event.fail(f"no {attempt}") if attempt < 4 else event.answer({})
        self.await_settled(1)
        self.assertEqual(event["id"], self.id_of(body))
        outcomes = self.outcomes(event["id"])
        self.assertEqual([(n, o) for n, o, _ in outcomes],
                         [(1, "failed"), (2, "failed"), (3, "failed"), (4, "delivered")])
        self.assertEqual([why for *_, why in outcomes[:3]], ["no 1", "no 2", "no 3"])
        retries = daemon.records("delivery.retry", id=event["id"], handler="held")
        self.assertEqual([(int(r["attempt"]), r["why"]) for r in retries], [(1, "no 1"), (2, "no 2"), (3, "no 3")])
        daemon.wait_for("event.delivered", id=event["id"], attempt=4)

    def test_the_schedule_is_kept(self):
        steps = [20, 200, 60]
        self.start([self.puppet(retry=[f"{ms}ms" for ms in steps])])
        self.tell()
        for _ in steps:
            self.control.event().fail("no")
        self.control.event().answer({})
        self.await_settled(1)
        attempts = self.file.attempts()
        for step, before, after in zip(steps, attempts, attempts[1:]):
            wait = before["next_at"] - (before["at"] + before["ms"])
            self.assertTrue(0.85 * step - 2 <= wait <= 1.15 * step + 2, f"{wait} ms instead of about {step}")
            self.assertGreaterEqual(after["at"], before["next_at"])

    def assert_dead(self, event, attempts, why):
        self.daemon.wait_for("delivery.dead", id=event["id"], handler="held", attempt=attempts)
        await_that(lambda: [(r["state"], r["attempts"]) for r in self.file.unsettled()] == [("dead", attempts)],
                   "the dead letter is on record")
        self.assertEqual(self.outcomes(event["id"])[-1], (attempts, "dead", why))

    def test_retry_false_is_a_dead_letter_at_once(self):
        self.start([self.puppet(retry=[STEP] * 5)])
        body = self.tell(status="ringing")
        self.tell(status="ended", call_id=call_of(body))
        event = self.control.event()
        event.fail("no such customer", retry=False)
        self.assert_dead(event, 1, "no such customer")
        later = self.control.event()
        self.assertEqual(later["call"]["status"], "ended", "the call goes on without it")
        later.answer({})

    def test_the_end_of_the_schedule_is_a_dead_letter(self):
        self.start([self.puppet(retry=[STEP, STEP])])
        self.tell()
        for attempt in (1, 2, 3):
            event = self.control.event()
            event.fail(f"no {attempt}")
        self.assert_dead(event, 3, "no 3")
        self.assertEqual([o for _, o, _ in self.outcomes(event["id"])], ["failed", "failed", "dead"])

    def test_without_a_schedule(self):
        self.start([self.puppet(retry=[])])
        self.tell()
        event = self.control.event()
        event.fail("no")
        self.assert_dead(event, 1, "no")

    def test_a_worker_that_dies(self):
        self.start([self.puppet(retry=[STEP] * 5)])
        body = self.tell()
        first = self.control.event()
        first.worker.crash()
        second = self.control.event()
        self.assertEqual((second["id"], second["attempt"]), (first["id"], 2))
        second.answer({})
        self.await_settled(1)
        self.assertEqual([(n, o) for n, o, _ in self.outcomes(self.id_of(body))], [(1, "failed"), (2, "delivered")])

    def test_a_worker_that_takes_too_long(self):
        self.start([self.puppet(retry=[STEP] * 5, concurrency=4)], [route("*", "held", timeout="200ms")])
        body = self.tell()
        first = self.control.event()
        self.daemon.wait_for("delivery.retry", id=first["id"])
        first.answer({})  # nobody waits for it any more
        second = self.control.event()
        self.assertEqual(second["id"], first["id"])
        second.answer({})
        self.await_settled(1)
        outcomes = self.outcomes(self.id_of(body))
        self.assertEqual(outcomes[0][:2], (1, "failed"))
        self.assertRegex(outcomes[0][2], "deadline")


class Order(JournalTest):
    LONG = "1h"  # comes no more in this test

    def test_one_event_of_a_call_at_a_time(self):
        self.start([self.puppet(concurrency=8)])
        first = self.tell(status="ringing")
        self.tell(status="ended", call_id=call_of(first))
        self.tell(status="in-progress", call_id="other")
        held, other = self.control.event(), self.control.event()
        self.assertEqual((held["call"]["status"], other["call"]["id"]), ("ringing", "other"))
        other.answer({})
        self.tell(status="ended", call_id="other")
        other = self.control.event()
        self.assertEqual((other["call"]["id"], other["call"]["status"]), ("other", "ended"))
        other.answer({})
        held.answer({})
        last = self.control.event()
        self.assertEqual((last["call"]["id"], last["call"]["status"]), (call_of(first), "ended"))
        last.answer({})

    def test_a_retry_holds_back_its_call_and_no_other(self):
        self.start([self.puppet(retry=[self.LONG])])
        failed = self.tell(status="ringing")
        event = self.control.event()
        event.fail("no")
        self.daemon.wait_for("delivery.retry", id=event["id"])
        for status in ("in-progress", "ended"):
            self.tell(status=status, call_id=call_of(failed))
            self.tell(status=status, call_id="other")
            other = self.control.event()
            self.assertEqual((other["call"]["id"], other["call"]["status"]), ("other", status))
            other.answer({})
        self.assertTrue(self.control.idle())

    def test_and_lets_it_go_on_afterwards(self):
        self.start([self.puppet(retry=[STEP] * 3)])
        body = self.tell(status="ringing")
        for status in ("in-progress", "ended"):
            self.tell(status=status, call_id=call_of(body))
        for expected, attempt in (("ringing", 1), ("ringing", 2), ("in-progress", 1), ("in-progress", 2), ("ended", 1)):
            event = self.control.event()
            self.assertEqual((event["call"]["status"], event["attempt"]), (expected, attempt))
            event.fail("no") if attempt == 1 and expected != "ended" else event.answer({})
        self.await_settled(3)

    def test_not_for_handlers_that_do_not_mind(self):
        self.start([self.puppet(retry=[self.LONG], ordered=False, concurrency=4)])
        body = self.tell(status="ringing")
        self.control.event().fail("no")
        for status in ("in-progress", "ended"):
            self.tell(status=status, call_id=call_of(body))
        together = [self.control.event() for _ in range(2)]
        self.assertEqual({e["call"]["status"] for e in together}, {"in-progress", "ended"})
        for event in together:
            event.answer({})

    def test_events_of_no_call_wait_for_nobody(self):
        self.start([self.puppet(concurrency=8)])
        for n in range(3):
            body = json.dumps({"message": {"type": "quota-warning", "n": n}}).encode()
            self.assertEqual(post(self.daemon.tcp, body).status, 200)
        together = [self.control.event() for _ in range(3)]
        self.assertEqual(len({e["id"] for e in together}), 3)
        for event in together:
            event.answer({})

    def test_many_calls_at_once(self):
        """Each call's events in order, whatever fails; the calls in any order."""
        self.start([self.puppet(retry=["10ms"] * 5, concurrency=8)])
        calls = [f"call-{n}" for n in range(10)]
        for n in range(8):
            for call in calls:
                self.tell("status-update", call_id=call, status=f"state-{n}")
        seen = {call: [] for call in calls}
        for number in range(10**6):
            event = self.control.event()
            if event["attempt"] == 1 and number % 3 == 0:
                event.fail("later")
                continue
            seen[event["call"]["id"]].append(event["call"]["status"])
            event.answer({})
            if sum(map(len, seen.values())) == 80:
                break
        for call in calls:
            self.assertEqual(seen[call], [f"state-{n}" for n in range(8)], call)
        self.await_settled(80)


class SeveralHandlers(JournalTest):
    def start_two(self, **more):
        self.controls = [self.enterContext(Control()) for _ in range(2)]
        self.first = worker("first", "puppet.py", control=self.controls[0], retry=[STEP] * 5)
        self.second = worker("second", "puppet.py", control=self.controls[1], retry=[STEP] * 5)
        self.routes = [route("*", "first"), route("status-update", "second"), route("*", "first", status="in-progress")]
        return self.start([self.first, self.second], self.routes, **more)

    def test_each_gets_it_once(self):
        self.start_two()
        body = self.tell()
        for control in self.controls:
            event = control.event()
            self.assertEqual((event["id"], event["attempt"]), (self.id_of(body), 1))
            event.answer({})
        self.await_settled(2)
        report = self.tell("end-of-call-report", summary="s")
        event = self.controls[0].event()
        self.assertEqual(event["id"], self.id_of(report), "the second is not told of reports")
        event.answer({})
        self.await_settled(3)
        self.assertEqual(self.file.event(self.id_of(body)).handlers, ["first", "second"])
        self.assertTrue(self.controls[1].idle())

    def test_one_that_fails_is_no_matter_for_the_other(self):
        self.start_two()
        body = self.tell(status="ringing")
        for n, control in enumerate(self.controls):
            event = control.event()
            event.answer({}) if n == 0 else event.fail("no")
        self.tell(status="ended", call_id=call_of(body))
        later = self.controls[0].event()
        self.assertEqual(later["call"]["status"], "ended")
        later.answer({})
        for status, attempt in (("ringing", 2), ("ended", 1)):
            event = self.controls[1].event()
            self.assertEqual((event["call"]["status"], event["attempt"]), (status, attempt))
            event.answer({})
        self.await_settled(4)
        self.assertEqual([o for _, o, _ in self.outcomes(self.id_of(body), "first")], ["delivered"])
        self.assertEqual([o for _, o, _ in self.outcomes(self.id_of(body), "second")], ["failed", "delivered"])

    def test_one_that_is_taken_out_and_put_back(self):
        daemon = self.start_two()
        with_both = (daemon.directory / "hookswitch.toml").read_text()
        body = self.tell(status="ringing")
        self.controls[0].event().answer({})
        self.controls[1].event().fail("no")
        await_that(lambda: [r["handler"] for r in self.file.unsettled()] == ["second"], "it waits for the second")
        daemon.stop()
        daemon.write("hookswitch.toml", config(journal=DURABLE, handlers=[self.first], routes=[route("*", "first")]))
        mark = daemon.mark()
        daemon.start()
        self.tell(status="ended", call_id="other")
        event = self.controls[0].event()
        self.assertEqual(event["call"]["id"], "other")
        event.answer({})
        daemon.wait_for("delivery.retry", after=mark, handler="second")
        self.assertEqual([(r["handler"], r["state"]) for r in self.file.unsettled()], [("second", "waiting")])
        daemon.stop()
        daemon.write("hookswitch.toml", with_both)
        daemon.start()
        event = self.controls[1].event()
        self.assertEqual(event["id"], self.id_of(body))
        self.assertGreater(event["attempt"], 1)
        event.answer({})
        self.await_settled(3)


class Backlog(JournalTest):
    def test_one_handler_that_hangs_does_not_take_the_memory_of_the_others(self):
        self.start([worker("hung", "deaf.py"), self.puppet("good", concurrency=4)],
                   [route("*", "hung", timeout="60s"), route("*", "good")], server={"drain_timeout": "100ms"})
        summary = "Lang gesprek over planning. " * 36_000  # a megabyte, ten of memory once it is parsed
        bodies = [self.tell("end-of-call-report", summary=f"{n} {summary}") for n in range(40)]
        for _ in bodies:
            self.control.event().answer({})
        self.daemon.terminate()
        self.daemon.expect_exit()

    def test_more_than_is_kept_in_memory(self):
        """Reports of which all together would take too much memory; nobody is refused."""
        count = 800
        self.start([self.puppet(concurrency=2)])
        self.tell(call_id="first")
        held = self.control.event()
        filling = "Ik wil graag weten wanneer de monteur komt. " * 1000
        with Connection(self.daemon.unix) as connection:
            for n in range(count):
                body = event_body("end-of-call-report", call_id=f"call-{n % 50}", summary=f"{n}", filling=filling)
                answer = connection.ask(request(body))
                self.assertEqual(answer.status, 200, answer)
        held.answer({})
        seen = {}
        for _ in range(count):
            event = self.control.event()
            seen.setdefault(event["call"]["id"], []).append(int(event["report"]["summary"]))
            event.answer({})
        for call, numbers in seen.items():
            self.assertEqual(numbers, sorted(numbers), call)
        self.await_settled(count + 1)

    def test_a_journal_full_of_events_that_nobody_has_had(self):
        """A daemon that was stopped, or a handler that was away, for long."""
        count = 20_000
        daemon = self.start([worker("echo", "echo.py", control=None, concurrency=64)], [route("*", "echo")])
        self.tell(call_id="first")
        self.await_settled(1)
        daemon.stop()
        bodies = (event_body("status-update", call_id=f"call-{n % 100}", status=str(n)) for n in range(count))
        append_events(daemon.directory / "hookswitch.db", bodies, handlers="echo")
        mark = daemon.mark()
        daemon.start()
        self.tell(call_id="last")
        delivered = "SELECT count(*) n FROM attempt WHERE outcome = 'delivered'"
        await_that(lambda: self.file.rows(delivered)[0]["n"] == count + 2, "all of them are delivered", timeout=120)
        self.assertEqual(self.file.unsettled(), [])
        events = {e.id: e for e in self.file.events()}
        last = {}
        for record in daemon.records("event.delivered", after=mark):
            event = events[record["id"]]
            self.assertGreater(event.seq, last.get(event.call, 0), "out of order")
            last[event.call] = event.seq
        daemon.restart()
        self.tell(call_id="after")
        await_that(lambda: self.file.rows(delivered)[0]["n"] == count + 3, "it is delivered")
        self.assertEqual(len(self.file.attempts()), count + 3, "an event came again")


class Restart(JournalTest):
    def test_what_was_pending_goes_on(self):
        daemon = self.start([self.puppet(concurrency=8, retry=[STEP] * 5)], server={"drain_timeout": "500ms"})
        first = self.tell(status="ringing", call_id="a")
        self.tell(status="ended", call_id="a")
        other = self.tell(status="ringing", call_id="b")
        held = {e["call"]["id"]: e for e in (self.control.event(), self.control.event())}
        held["b"].answer({})
        self.await_settled(1)
        daemon.restart()
        event = self.control.event()
        self.assertEqual(event["id"], self.id_of(first), "what was in work comes again")
        self.tell(status="ended", call_id="b")
        marker = self.control.event()
        self.assertEqual(marker["call"]["id"], "b", "the rest of the call waits for it")
        marker.answer({})
        event.answer({})
        event = self.control.event()
        self.assertEqual((event["call"]["id"], event["call"]["status"], event["attempt"]), ("a", "ended", 1))
        event.answer({})
        self.await_settled(4)
        self.assertEqual([o for _, o, _ in self.outcomes(self.id_of(other))], ["delivered"])

    def test_what_is_answered_while_it_stops_is_done(self):
        daemon = self.start([self.puppet(concurrency=8)])
        self.tell()
        event = self.control.event()
        daemon.terminate()
        daemon.wait_for("server.stopping")
        # Not answer(): with that the worker may be gone before it can say that it has written.
        event.worker.order(write=json.dumps({"id": event["id"], "reply": {}}) + "\n")
        daemon.expect_exit(0)
        self.assertEqual([a["outcome"] for a in self.file.attempts()], ["delivered"])
        daemon.start()
        body = self.tell()
        event = self.control.event()
        self.assertEqual(event["id"], self.id_of(body), "it does not come again")
        event.answer({})

    def test_a_reload_changes_the_schedule(self):
        daemon = self.start([self.puppet(retry=["1h"])])
        self.tell(status="ringing", call_id="a")
        event = self.control.event()
        event.fail("no")
        daemon.wait_for("delivery.retry", id=event["id"])
        text = (daemon.directory / "hookswitch.toml").read_text()
        self.assertEqual(daemon.reload(text.replace('"1h"', '"50ms"'))["event"], "reload.done")
        self.tell(status="ringing", call_id="b")
        other = self.control.event()
        self.assertEqual((other["call"]["id"], other["attempt"]), ("b", 1))
        other.fail("no")
        again = self.control.event()
        self.assertEqual((again["id"], again["attempt"]), (other["id"], 2))
        again.answer({})


class WithoutJournal(JournalTest):
    journal = {"sync": "off"}

    def test_it_is_tried_again_and_in_order(self):
        daemon = self.start([self.puppet(retry=[STEP] * 2)])
        body = self.tell(status="ringing")
        self.tell(status="ended", call_id=call_of(body))
        told = []
        for expected, attempt in (("ringing", 1), ("ringing", 2), ("ended", 1)):
            event = self.control.event()
            self.assertEqual((event["call"]["status"], event["attempt"]), (expected, attempt))
            told.append(event["id"])
            event.fail("no") if told == [event["id"]] else event.answer({})
        self.assertEqual(told[0], told[1])
        self.assertFalse(list(daemon.directory.glob("hookswitch.db*")))

    def test_dead_letters_are_only_in_the_log(self):
        daemon = self.start([self.puppet(retry=[])])
        body = self.tell()
        event = self.control.event()
        event.fail("no")
        record = daemon.wait_for("delivery.dead", id=event["id"])
        self.assertEqual((record["call"], record["why"], record["level"]), (call_of(body), "no", "error"))

    def test_what_waits_for_a_retry_is_lost_and_said_to_be(self):
        daemon = self.start([self.puppet(retry=["1h"])])
        self.tell()
        event = self.control.event()
        event.fail("no")
        daemon.wait_for("delivery.retry", id=event["id"])
        daemon.stop()
        self.assertTrue(daemon.records("delivery.lost", id=event["id"]))


if __name__ == "__main__":
    unittest.main()
