"""`hookswitch events` on the journal of a running daemon: what operators do with it, from end to end."""

import json
import subprocess
import unittest

from control import Control
from deliveries import event_body, post
from rawhttp import PATIENCE
from support import BINARY, HERE, Daemon, config, route, run, worker

RECORDINGS = HERE.parent / "recordings"
NUMBER = "+31611122233"


def journaled(**more):
    return config(journal={"sync": "full"}, **more)


class EventsCommands(unittest.TestCase):
    def events(self, daemon, *arguments, code=0):
        verb, *rest = arguments
        done = run("events", verb, "--journal", daemon.directory / "hookswitch.db", *rest)
        self.assertEqual(done.returncode, code, done.stdout.decode() + done.stderr.decode())
        return done.stdout.decode()

    def listed(self, daemon, *arguments):
        return [json.loads(line) for line in self.events(daemon, "list", "--json", *arguments).splitlines()]

    def eventually(self, look, wanted):
        """Records are written a moment after what they tell of; each look is a whole command."""
        for _ in range(200):
            seen = look()
            if seen == wanted:
                return
        self.assertEqual(seen, wanted)

    def test_what_is_exported_can_be_replayed_and_compared(self):
        text = (RECORDINGS / "recordings.toml").read_text()
        for dialect in ("camel", "snake", "legacy"):
            recording = RECORDINGS / f"{dialect}.jsonl"
            deliveries = recording.read_text().splitlines()
            with self.subTest(dialect), Daemon(text.replace('sync = "off"', 'sync = "full"')) as daemon:
                to = ("replay", "--to", f"http://{daemon.tcp}", "--secret-file", daemon.directory / "secret", "--compare")
                self.assertEqual(run(*to, recording).returncode, 0)
                self.eventually(lambda: len(self.listed(daemon, "--state", "unanswered")), 0)
                exported = self.events(daemon, "export")
                self.assertEqual(
                    [json.loads(line)["body"] for line in exported.splitlines()],
                    [json.loads(line)["body"] for line in deliveries],
                )
                again = run(*to, daemon.write("exported.jsonl", exported))
                self.assertEqual(again.returncode, 0, again.stdout.decode() + again.stderr.decode())
                redacted = self.events(daemon, "export", "--redact")
                self.assertNotIn("+316", redacted)
                without_compare = run(*to[:-1], daemon.write("redacted.jsonl", redacted))
                self.assertEqual(without_compare.returncode, 0, without_compare.stderr.decode())

    def test_dead_letters_are_redelivered_by_the_running_daemon(self):
        with Control() as control:
            text = journaled(
                handlers=[worker("desk", "puppet.py", control=control, retry=[])], routes=[route("status-update", "desk")]
            )
            with Daemon(text) as daemon:
                self.assertEqual(post(daemon.tcp, event_body("status-update")).status, 200)
                first = control.event()
                first.fail("the CRM is down")
                daemon.wait_for("delivery.dead", id=first["id"])
                self.eventually(lambda: [e["id"] for e in self.listed(daemon, "--state", "dead")], [first["id"]])

                self.assertIn("would redeliver 1 event", self.events(daemon, "redeliver", "--dead", "--dry-run"))
                self.events(daemon, "redeliver", "--dead")
                second = control.event()
                self.assertEqual((second["id"], second["attempt"]), (first["id"], 2))
                second.answer({})
                daemon.wait_for("event.delivered", id=first["id"])
                self.eventually(lambda: [e["state"] for e in self.listed(daemon)], ["delivered"])
                self.assertIn("attempt 2 delivered", self.events(daemon, "show", first["call"]["id"]))

    def test_redelivery_that_is_asked_for_while_the_daemon_is_down_is_made_at_its_start(self):
        with Control() as control:
            text = journaled(
                handlers=[worker("desk", "puppet.py", control=control)], routes=[route("status-update", "desk")]
            )
            with Daemon(text) as daemon:
                post(daemon.tcp, event_body("status-update"))
                first = control.event()
                first.answer({})
                daemon.wait_for("event.delivered", id=first["id"])
                daemon.stop()
                self.events(daemon, "redeliver", first["id"])
                daemon._bury()
                daemon.start()
                second = control.event()
                self.assertEqual((second["id"], second["attempt"]), (first["id"], 2))
                second.answer({})

    def test_tail_shows_events_as_they_come(self):
        with Daemon(journaled()) as daemon:
            post(daemon.tcp, event_body("status-update", call_id="before"))
            command = [BINARY, "events", "tail", "--json", "--last", "1", "--journal", daemon.directory / "hookswitch.db"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
                try:
                    self.assertEqual(json.loads(tail.stdout.readline())["call"], "before")
                    for call in ("one", "two"):
                        post(daemon.tcp, event_body("status-update", call_id=call))
                        self.assertEqual(json.loads(tail.stdout.readline())["call"], call)
                finally:
                    tail.terminate()
                _, complained = tail.communicate(timeout=PATIENCE)
            self.assertEqual((tail.returncode, complained), (0, ""))

    def test_a_person_is_erased_beside_the_running_daemon(self):
        with Daemon(journaled()) as daemon:
            for n in range(30):
                caller = NUMBER if n % 3 == 0 else f"+3165550{n:04}"
                self.assertEqual(post(daemon.tcp, event_body("status-update", caller=caller)).status, 200)
            said = self.events(daemon, "purge", "--caller", NUMBER)
            self.assertIn("10 ", said)
            self.assertEqual(self.listed(daemon, "--caller", NUMBER), [])
            self.assertEqual(len(self.listed(daemon)), 20)
            self.assertEqual(post(daemon.tcp, event_body("status-update", call_id="after")).status, 200)
            self.assertEqual(len(self.listed(daemon, "--call", "after")), 1)
            daemon.stop()
            content = b"".join(p.read_bytes() for p in daemon.directory.glob("hookswitch.db*"))
            self.assertNotIn(NUMBER.encode(), content)
            daemon._bury()
            daemon.start()

    def test_retention_deletes_what_is_settled_and_nothing_else(self):
        with Control() as control:
            text = journaled(
                handlers=[worker("desk", "puppet.py", control=control)],
                routes=[route("status-update", "desk", status="in-progress")],
            )
            text = text.replace('sync = "full"', 'sync = "full"\nretention = "1s"')
            with Daemon(text) as daemon:
                post(daemon.tcp, event_body("status-update", status="ended", call_id="settled"))
                post(daemon.tcp, event_body("status-update", status="in-progress", call_id="pending"))
                event = control.event()
                daemon.wait_for("journal.purged")
                self.assertEqual([e["call"] for e in self.listed(daemon)], ["pending"])
                event.answer({})
                daemon.wait_for("journal.purged", count=2)
                self.assertEqual(self.listed(daemon), [])


if __name__ == "__main__":
    unittest.main()
