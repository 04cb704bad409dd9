"""What was acknowledged outlives the process; tests/crash/run does the same for longer."""

import json
import os
import random
import unittest

from control import Control
from crash_case import Round
from deliveries import event_body, post
from journal_file import JournalFile
from support import DURABLE, Daemon, await_that, config, route, worker


class SigKill(unittest.TestCase):
    def test_rounds(self):
        """HOOKSWITCH_CRASH_SEED repeats the first of them."""
        first = int(os.environ.get("HOOKSWITCH_CRASH_SEED") or random.SystemRandom().randrange(10**6))
        for seed in range(first, first + 5):
            with self.subTest(seed=seed):
                print(Round(seed, events_each=15).run(), flush=True)


class WaitingRetries(unittest.TestCase):
    def start(self, *retry):
        self.control = self.enterContext(Control())
        text = config(
            journal=DURABLE,
            handlers=[worker("held", "puppet.py", control=self.control, retry=list(retry))],
            routes=[route("*", "held")],
        )
        self.daemon = self.enterContext(Daemon(text))
        self.journal = JournalFile(self.daemon.directory / "hookswitch.db")

    def fail_times(self, count):
        for attempt in range(1, count + 1):
            event = self.control.event()
            self.assertEqual(event["attempt"], attempt)
            event.fail(f"no {attempt}")
        await_that(lambda: [row["attempts"] for row in self.journal.unsettled()] == [count],
                   "the journal knows of all attempts")
        return event["id"]

    def again_after(self, how):
        self.start("10ms", "10ms", "1s", "10ms")
        self.assertEqual(post(self.daemon.tcp, event_body("status-update", status="ringing", call_id="c")).status, 200)
        told = self.fail_times(3)
        (waiting,) = self.journal.unsettled()
        how()
        self.assertEqual(post(self.daemon.unix, event_body("status-update", status="ended", call_id="c")).status, 200)
        event = self.control.event()
        self.assertEqual((event["id"], event["attempt"]), (told, 4), "it goes on where it stood")
        event.fail("no 4")
        event = self.control.event()
        self.assertEqual((event["id"], event["attempt"]), (told, 5))
        event.answer({})
        later = self.control.event()
        self.assertEqual((later["call"]["status"], later["attempt"]), ("ended", 1), "it had to wait for the first")
        later.answer({})
        await_that(lambda: not self.journal.unsettled() and len(self.journal.attempts()) == 6, "both are delivered")
        attempts = self.journal.attempts()
        self.assertEqual([(a["attempt"], a["outcome"]) for a in attempts[:5]],
                         [(n, "failed") for n in (1, 2, 3, 4)] + [(5, "delivered")])
        self.assertGreaterEqual(attempts[3]["at"], waiting["next_at"], "not before it was due")
        self.assertEqual([a["why"] is None for a in attempts], [False] * 4 + [True] * 2)

    def test_a_crash(self):
        def crash():
            self.daemon.crash()
            self.daemon.start()

        self.again_after(crash)

    def test_an_orderly_restart(self):
        self.again_after(lambda: self.daemon.restart())

    def test_a_dead_letter_stays_dead(self):
        self.start("10ms")
        self.assertEqual(post(self.daemon.tcp, event_body("status-update")).status, 200)
        for _ in range(2):
            self.control.event().fail("no")
        await_that(lambda: [row["state"] for row in self.journal.unsettled()] == ["dead"], "it is dead")
        self.daemon.crash()
        self.daemon.start()
        body = event_body("status-update")
        self.assertEqual(post(self.daemon.tcp, body).status, 200)
        event = self.control.event()
        self.assertEqual(event["call"]["id"], json.loads(body)["message"]["call"]["id"], "nothing of the dead one")
        event.answer({})


if __name__ == "__main__":
    unittest.main()
