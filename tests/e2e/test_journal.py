"""What the journal keeps: what came, byte for byte, what was answered, and who is known to have been here."""

import base64
import json
import os
import time
import unittest

from deliveries import Asking, event_body, only_result, post, request, tool_calls
from journal_case import JournalTest, call_of
from journal_file import PLAIN, ZSTD
from rawhttp import Connection
from support import FIXTURES, await_that, reply, route, source


class Contents(JournalTest):
    def test_everything_about_a_told_only_event(self):
        self.start()
        body = event_body("status-update", "snake", call_id="c-1", status="ringing", caller="+31600000001",
                          called="+31800000002")
        self.assertEqual(post(self.daemon.tcp, body).status, 200)
        event = self.control.event()
        event.answer({})
        self.await_settled(1)
        (stored,) = self.file.events()
        self.assertEqual(
            (stored.id, stored.type, stored.dialect, stored.source, stored.call, stored.status, stored.caller,
             stored.called, stored.handlers, stored.waited_for, stored.size, stored.body),
            (event["id"], "status-update", "snake", "main", "c-1", "ringing", "+31600000001", "+31800000002",
             ["held"], False, len(body), body))
        self.assertLess(abs(stored.received_at - self.file.attempts()[0]["at"]), 20_000)

    def test_the_head_as_it_came(self):
        self.start()
        body = event_body("status-update")
        whole = request(body, headers=[("X-Webhook-Event", "status-update"), ("x-ODD-case", "  two  words  ")])
        with Connection(self.daemon.tcp) as connection:
            self.assertEqual(connection.ask(whole).status, 200)
        self.control.event().answer({})
        head = whole[: -len(body)]
        self.assertEqual(self.file.event(self.id_of(body)).head.rstrip(b"\r\n"), head.rstrip(b"\r\n"))

    def test_a_waited_for_event_and_its_answer(self):
        self.start([reply("fixed", {"result": {"n": 1}}), self.puppet(concurrency=4)],
                   [route("tool-calls", "fixed", tool="fixed"), route("tool-calls", "held", timeout="300ms",
                                                                     fallback={"result": "not now"})])
        body = tool_calls(("t1", "fixed", {}), ("t2", "slow", {}), ("t3", "unknown_to_all", {}), call_id="c-2")
        asking = Asking(self.daemon.tcp, body)
        for _ in range(2):
            self.control.event()
        answer = asking.answer()
        self.daemon.stop()
        (stored,) = self.file.events()
        self.assertEqual((stored.type, stored.call, stored.body, stored.waited_for, stored.handlers),
                         ("tool-calls", "c-2", body, True, []))
        recorded = self.file.answers()[stored.seq]
        self.assertEqual((recorded["status"], recorded["body"].encode()), (200, answer.body))
        parts = json.loads(recorded["parts"])
        self.assertEqual([(p["id"], p["tool"], p["by"]) for p in parts],
                         [(f"{stored.id}.1", "fixed", "handler"), (f"{stored.id}.2", "slow", "fallback"),
                          (f"{stored.id}.3", "unknown_to_all", "fallback")])
        self.assertEqual([p["handler"] for p in parts], ["fixed", "held", "held"])
        self.assertGreaterEqual(parts[1]["ms"], 250)

    def test_an_event_that_nobody_handles_is_kept(self):
        self.start([], [])
        body = self.tell("call-quality")
        stored = self.file.event(self.id_of(body))
        self.assertEqual((stored.type, stored.body, stored.handlers, stored.waited_for),
                         ("call-quality", body, [], False))

    def test_what_is_refused_is_not_kept(self):
        self.start([], [])
        for body, more in ((event_body("status-update"), {"secret": "wrong"}), (b"[1]", {}), (b"{}", {}),
                           (event_body("status-update"), {"timestamp": 1_700_000_000})):
            self.assertIn(post(self.daemon.tcp, body, **more).status, (400, 401))
        body = self.tell()
        self.assertEqual([e.body for e in self.file.events()], [body])

    def test_every_body_of_the_corpus(self):
        self.start([], [])
        bodies = {}
        for file in sorted(FIXTURES.glob("*.json")):
            answer = post(self.daemon.tcp, file.read_bytes())
            if answer.status == 200 and not answer.header("x-hookswitch-duplicate"):
                bodies[file.name] = file.read_bytes()
        self.assertGreater(len(bodies), 30)
        self.daemon.stop()
        stored = [e.body for e in self.file.events()]
        for name, body in bodies.items():
            self.assertIn(body, stored, name)
        self.assertEqual(len(stored), len(bodies))


class Bodies(JournalTest):
    def kept(self, body):
        self.assertEqual(post(self.daemon.unix, body).status, 200)
        event = self.file.event(self.id_of(body))
        self.assertEqual((event.body, event.size), (body, len(body)))
        return event

    def test_of_every_size(self):
        """Around the limits of compression, up to the largest that is taken."""
        self.start([], [], server={"max_body": "4MiB"})
        frame = len(event_body("status-update", filling=""))
        for size in (frame, 511, 512, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1 << 20, (4 << 20) - 1, 4 << 20):
            filling = "Hoe kan ik u helpen? " * (size // 20)
            body = event_body("status-update", filling=filling[: max(0, size - frame)])
            self.kept(body)

    def test_compressed_where_it_pays(self):
        self.start([], [])
        text = self.kept(event_body("end-of-call-report", summary="Ik wil graag weten wanneer u komt. " * 1500))
        self.assertEqual(text.encoding, ZSTD)
        self.assertLess(text.stored_size * 4, text.size)
        noise = self.kept(event_body("end-of-call-report", summary=base64.b85encode(os.urandom(40_000)).decode()))
        self.assertLessEqual(noise.stored_size, noise.size)
        small = self.kept(event_body("status-update"))
        self.assertEqual(small.encoding, PLAIN)

    def test_of_every_kind_of_text(self):
        self.start([], [])
        plain = event_body("status-update", status="x")
        for body in (plain.replace(b'"x"', '"Ünïcode 日本語 🙂"'.encode()),
                     plain.replace(b'"x"', rb'"\u0000\ud83d\ude42\u001b[31m"'),
                     b"\r\n\t " + plain + b"\n\n", plain.replace(b'"x"', b'"' + b"y" * 100_000 + b'"')):
            self.kept(body)

    def test_the_handler_gets_the_same_after_a_restart(self):
        daemon = self.start([self.puppet(retry=["10ms"] * 3)], server={"drain_timeout": "300ms"})
        self.tell("end-of-call-report", summary="Ünïcode 日本語 🙂 " * 4000)
        event = self.control.event()
        daemon.crash()
        daemon.start()
        again = self.control.event()
        ours = {"attempt": 0, "deadline_ms": 0}
        self.assertEqual({**again, **ours}, {**event, **ours})
        again.answer({})


class Duplicates(JournalTest):
    RESTARTS = ("orderly", "crash")

    def start_again(self, how):
        if how == "orderly":
            self.daemon.restart()
        else:
            self.daemon.crash()
            self.daemon.start()

    def test_a_told_only_event_is_known_after_a_restart(self):
        for how in self.RESTARTS:
            with self.subTest(how):
                self.start()
                bodies = [self.tell(kind, dialect) for kind in ("status-update", "end-of-call-report", "call-quality")
                          for dialect in ("camel", "snake", "legacy") if (kind, dialect) != ("call-quality", "legacy")]
                for _ in bodies:
                    self.control.event().answer({})
                self.await_settled(len(bodies))
                self.start_again(how)
                for body in bodies:
                    answer = post(self.daemon.tcp, body)
                    self.assertEqual((answer.status, answer.body, answer.header("x-hookswitch-duplicate")),
                                     (200, b"{}", "true"))
                self.assertEqual(len(self.file.events()), len(bodies))
                marker = self.tell()
                event = self.control.event()
                self.assertEqual(event["call"]["id"], call_of(marker), "none of them was handled again")
                event.answer({})

    def test_a_waited_for_event_gets_its_first_answer(self):
        for how in self.RESTARTS:
            with self.subTest(how):
                self.start()
                body = tool_calls("find")
                asking = Asking(self.daemon.tcp, body)
                self.control.event().result({"n": how, "text": "Ünïcode 🙂"})
                first = asking.answer()
                # Nobody waits for the disk with such an event; a told-only one that came later does.
                self.tell()
                self.control.event().answer({})
                self.await_settled(1)
                self.start_again(how)
                again = post(self.daemon.tcp, body)
                self.assertEqual((again.status, again.body, again.header("x-hookswitch-duplicate")),
                                 (200, first.body, "true"))
                self.assertEqual(len([e for e in self.file.events() if e.waited_for]), 1)

    def test_a_fallback_too(self):
        self.start(None, [route("tool-calls", "held", timeout="100ms", fallback={"result": "not now"})])
        body = tool_calls("find")
        first = post(self.daemon.tcp, body)
        self.assertEqual(only_result(first), "not now")
        self.daemon.restart()
        again = post(self.daemon.tcp, body)
        self.assertEqual((again.body, again.header("x-hookswitch-duplicate")), (first.body, "true"))

    def test_one_that_was_not_answered_is_no_duplicate(self):
        """Its caller has gone; whoever asks again wants an answer."""
        self.start()
        body = tool_calls("find")
        lost = Asking(self.daemon.tcp, body)
        self.control.event()
        self.daemon.crash()
        self.assertRaises(AssertionError, lost.answer)
        self.daemon.start()
        asking = Asking(self.daemon.tcp, body)
        self.control.event().result("found")
        answer = asking.answer()
        self.assertEqual((only_result(answer), answer.header("x-hookswitch-duplicate")), ("found", None))

    def test_another_source_and_a_later_time_are_no_duplicates(self):
        self.start(None, None, sources=[source(), source("other", "/other")])
        body = event_body("assistant-request", "legacy")
        now = int(time.time())
        asking = Asking(self.daemon.tcp, body, timestamp=now - 60)
        self.control.event().answer({"assistant": {"first_message": "1"}})
        first = asking.answer()
        self.daemon.restart()
        again = post(self.daemon.tcp, body, timestamp=now - 60)
        self.assertEqual((again.body, again.header("x-hookswitch-duplicate")), (first.body, "true"))
        for more in ({"timestamp": now}, {"timestamp": now - 60, "path": "/other"}):
            asking = Asking(self.daemon.tcp, body, **more)
            self.control.event().answer({"assistant": {"first_message": "2"}})
            self.assertIsNone(asking.answer().header("x-hookswitch-duplicate"))

    def test_the_window_ends(self):
        self.journal = {"sync": "full", "dedupe_window": "1s"}
        self.start([], [])
        body = self.tell()
        (stored,) = self.file.events()
        self.daemon.stop()
        await_that(lambda: time.time() * 1000 > stored.received_at + 1100, "the window is over")
        self.daemon.start()
        self.assertIsNone(post(self.daemon.tcp, body).header("x-hookswitch-duplicate"))


class OutOfOrder(JournalTest):
    def told(self, kind, status, **more):
        mark = self.daemon.mark()
        body = self.tell(kind, call_id="c", status=status, **more)
        accepted = self.daemon.wait_for("event.accepted", after=mark, call="c")
        return accepted["id"], body

    def test_a_call_only_moves_forward(self):
        self.start([], [])
        kept = [self.told("status-update", "ringing")[0], self.told("status-update", "in-progress")[0]]
        self.assertEqual(self.daemon.records("call.out_of_order"), [])
        report, _ = self.told("end-of-call-report", "ended", summary="s")
        ended, _ = self.told("status-update", "ended")
        late, _ = self.told("status-update", "in-progress", n=2)
        self.daemon.stop()
        records = {r["id"]: r for r in self.daemon.records("call.out_of_order")}
        self.assertIn(late, records)
        self.assertEqual((records[late]["call"], records[late]["status"]), ("c", "in-progress"))
        self.assertNotEqual(records[late]["state"], "in-progress")
        self.assertNotIn(kept[1], records)
        self.assertEqual([e.id for e in self.file.events()], [*kept, report, ended, late], "nothing is dropped")

    def test_also_across_a_restart(self):
        self.start([], [])
        self.told("status-update", "ended")
        self.daemon.restart()
        late, _ = self.told("status-update", "in-progress")
        record = self.daemon.wait_for("call.out_of_order", id=late)
        self.assertEqual((record["status"], record["state"]), ("in-progress", "ended"))

    def test_every_handler_gets_them_all_the_same(self):
        self.start()
        for n, status in enumerate(("ended", "in-progress", "in-progress")):
            self.told("status-update", status, n=n)
            event = self.control.event()
            self.assertEqual(event["call"]["status"], status)
            event.answer({})
        self.await_settled(3)


class Files(JournalTest):
    def test_only_its_owner_can_read_it(self):
        daemon = self.start([], [])
        self.tell()
        for file in daemon.directory.glob("hookswitch.db*"):
            self.assertEqual(file.stat().st_mode & 0o077, 0, file)

    def test_a_path_of_ones_own(self):
        daemon = self.start([], [])
        daemon.stop()
        (daemon.directory / "state").mkdir()
        text = (daemon.directory / "hookswitch.toml").read_text()
        path = 'path = "state/what?is#this%41.db"'
        daemon.write("hookswitch.toml", text.replace('sync = "full"', 'sync = "full"\n' + path))
        daemon.start()
        self.tell()
        daemon.stop()
        self.assertTrue((daemon.directory / "state" / "what?is#this%41.db").exists())


if __name__ == "__main__":
    unittest.main()
