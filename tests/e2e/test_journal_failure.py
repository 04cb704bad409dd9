"""When the journal cannot be written: who is told so, who is answered all the same, and what is true afterwards.

Real file systems are used where root may mount them; without root those tests are skipped.
"""

import contextlib
import os
import sqlite3
import subprocess
import time
import unittest

from admin import admin
from deliveries import event_body, only_result, post, tool_calls
from journal_case import JournalTest
from journal_file import JournalFile
from rawhttp import PATIENCE
from support import DURABLE, Daemon, await_that, config, reply, route, run


def mount(directory, size="4m"):
    """A file system of its own in memory, or a skip."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root, to mount a file system that can be full")
    directory.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise unittest.SkipTest(f"cannot mount a file system here: {done.stderr.strip()}")


class FailureTest(JournalTest):
    PATH = "hookswitch.db"

    def make(self, path=PATH, **journal):
        """A daemon that is not started yet."""
        self.text = config(
            server={"drain_timeout": "1s"},
            admin={},
            journal={**DURABLE, "path": path, **journal},
            handlers=[reply("fixed", {"result": "ok"}), self.puppet(concurrency=8)],
            routes=[route("tool-calls", "fixed"), route("*", "held")],
        )
        self.daemon = Daemon(self.text)
        self.addCleanup(self.daemon.kill)
        self.file = JournalFile(self.daemon.directory / path)
        return self.daemon

    def deliver(self, body):
        """Posts an event that must be accepted, and sees it to its handler."""
        answer = post(self.daemon.unix, body)
        self.assertEqual(answer.status, 200, answer)
        event = self.control.event()
        self.assertEqual(event["id"], self.id_of(body))
        event.answer({})

    def assert_refuses(self, body=None):
        body = body or event_body("status-update")
        answer = post(self.daemon.unix, body)
        self.assertEqual(answer.status, 503, answer)
        self.assertRegex(answer.header("retry-after"), r"^[1-9]\d*$")
        return body

    def assert_answers_callers(self):
        began = time.monotonic()
        self.assertEqual(only_result(post(self.daemon.unix, tool_calls("any"))), "ok")
        self.assertLess(time.monotonic() - began, 4)

    def assert_not_ready(self, why):
        answer = admin(self.daemon.admin, "/readyz")
        self.assertEqual(answer.status, 503)
        self.assertRegex(answer.body.decode(), why)
        self.assertEqual(admin(self.daemon.admin, "/healthz").status, 200)

    def assert_failing(self, why):
        refused = self.assert_refuses()
        self.assert_answers_callers()
        record = self.daemon.wait_for("journal.failed")
        self.assertRegex(record["why"], why)
        self.assertEqual(record["level"], "error")
        self.assert_not_ready(why)
        return refused

    def await_recovery(self, after=0):
        self.daemon.wait_for("journal.recovered", after=after)
        await_that(lambda: admin(self.daemon.admin, "/readyz").status == 200, "it is ready again")

    def assert_each_is_there_once(self, accepted, refused, file=None):
        stored = [e.body for e in (file or self.file).events() if not e.waited_for]
        for body in accepted:
            self.assertEqual(stored.count(body), 1)
        for body in refused:
            self.assertEqual(stored.count(body), 0)


class FullDisk(FailureTest):
    def setUp(self):
        super().setUp()
        daemon = self.make("disk/hookswitch.db")
        self.disk = daemon.directory / "disk"
        mount(self.disk)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False)
        self.accepted = []

    def take_space(self, leave=0):
        """All that is left but `leave` bytes, for a file of somebody else."""
        with open(self.disk / "ballast", "ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        if leave:
            os.truncate(self.disk / "ballast", (self.disk / "ballast").stat().st_size - leave)

    def fill_up(self):
        """Events until not even a small one has room, as the bits that a large one was refused for still had."""
        refused = []
        for size in (3000, 0):
            for _ in range(10_000):
                body = event_body("status-update", filling=os.urandom(size).hex())
                if post(self.daemon.unix, body).status != 200:
                    refused.append(body)
                    break
                self.accepted.append(body)
                self.control.event().answer({})
            self.take_space()
        self.assertEqual(len(refused), 2, "the disk is never full")
        return refused

    def test_it_fills_up_and_has_room_again(self):
        with self.daemon:
            self.take_space(leave=400_000)
            refused = self.fill_up()
            self.assertGreater(len(self.accepted), 3)
            refused.append(self.assert_failing("full"))
            self.daemon.wait_for("journal.record_lost")
            self.assert_each_is_there_once(self.accepted, refused)
            self.assertTrue(self.control.idle(), "something was handled that was refused")
            (self.disk / "ballast").unlink()
            self.await_recovery()
            for body in refused:  # the platform tries again
                self.deliver(body)
            self.assert_each_is_there_once(self.accepted + refused, [])
            self.await_settled(len(self.accepted) + len(refused))
            self.daemon.stop()
            self.file.check()

    def test_it_is_full_of_events_and_the_retention_makes_no_room(self):
        """Then nothing is lost that was accepted, also over a restart on the full disk."""
        with self.daemon:
            refused = self.fill_up()
            self.daemon.wait_for("event.delivered", count=len(self.accepted))
            self.daemon.restart()
            self.assert_answers_callers()
            self.daemon.stop()
            with self.file.copied() as copy:
                self.assert_each_is_there_once(self.accepted, refused, copy)

    def test_it_is_full_at_the_start(self):
        self.take_space()
        with self.daemon:
            self.assert_failing("full|disk")
            (self.disk / "ballast").unlink()
            self.await_recovery()
            self.deliver(event_body("status-update"))

    def test_a_checkpoint_has_no_room(self):
        """The log of changes has grown over all that was free; nothing of it is lost."""
        with self.daemon:
            for n in range(40):
                body = event_body("status-update", filling=os.urandom(20_000).hex())
                if post(self.daemon.unix, body).status != 200:
                    break
                self.accepted.append(body)
                self.control.event().answer({})
            self.daemon.crash()
            with self.file.copied() as copy:
                self.assert_each_is_there_once(self.accepted, [], copy)
            self.daemon.start()
            self.assert_answers_callers()
            self.daemon.stop()
            with self.file.copied() as copy:
                self.assert_each_is_there_once(self.accepted, [], copy)
                copy.check()


class ReadOnly(FailureTest):
    def test_files_that_must_not_be_written_any_more(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to make files immutable")
        with self.make() as daemon:
            accepted = [event_body("status-update")]
            self.deliver(accepted[0])
            files = sorted(daemon.directory.glob("hookswitch.db*"))
            if subprocess.run(["chattr", "+i", *files], capture_output=True).returncode != 0:
                self.skipTest("this file system has no immutable files")
            try:
                refused = self.assert_failing("I/O error|readonly|read-only")
                self.assert_refuses()
            finally:
                subprocess.run(["chattr", "-i", *files], check=True)
            self.await_recovery()
            self.deliver(refused)
            self.assert_each_is_there_once([*accepted, refused], [])

    def test_a_read_only_file_system_at_the_start(self):
        daemon = self.make("disk/hookswitch.db")
        disk = daemon.directory / "disk"
        mount(disk)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        with daemon:
            accepted = event_body("status-update")
            self.deliver(accepted)
            self.await_settled(1)
            daemon.stop()
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            daemon.start()
            refused = self.assert_failing("readonly|read-only|Read-only")
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            self.await_recovery()
            self.deliver(refused)
            self.assert_each_is_there_once([accepted, refused], [])


class Locked(FailureTest):
    @contextlib.contextmanager
    def lock(self, how="IMMEDIATE"):
        with contextlib.closing(sqlite3.connect(self.file.path, isolation_level=None, timeout=PATIENCE)) as other:
            other.execute(f"BEGIN {how}")
            yield
            other.execute("ROLLBACK")

    def test_by_another_process(self):
        with self.make():
            self.deliver(event_body("status-update"))
            with self.lock():
                refused = self.assert_failing("locked")
            self.await_recovery()
            self.deliver(refused)
            self.await_settled(2)

    def test_for_a_moment_only(self):
        """As a backup does: waited for, not refused."""
        with self.make():
            body = event_body("status-update")
            with self.lock():
                pass
            self.deliver(body)
            self.assertEqual(self.daemon.records("journal.failed"), [])

    def test_at_the_start(self):
        daemon = self.make()
        with daemon:
            self.deliver(event_body("status-update"))
            self.await_settled(1)
            daemon.stop()
            with self.lock("EXCLUSIVE"):
                daemon.start()
                refused = self.assert_failing("locked")
            self.await_recovery()
            self.deliver(refused)

    def test_what_was_pending_is_delivered_once_it_is_free(self):
        daemon = self.make()
        with daemon:
            body = event_body("status-update")
            self.assertEqual(post(daemon.unix, body).status, 200)
            self.control.event()
            daemon.crash()
            with self.lock("EXCLUSIVE"):
                daemon.start()
                self.assert_failing("locked")
            self.await_recovery()
            event = self.control.event()
            self.assertEqual(event["id"], self.id_of(body))
            event.answer({})
            answer = post(daemon.unix, body)
            self.assertEqual((answer.status, answer.header("x-hookswitch-duplicate")), (200, "true"))


class UnusableFiles(FailureTest):
    def test_garbage_in_the_place_of_the_journal(self):
        daemon = self.make()
        garbage = os.urandom(50_000)
        daemon.write("hookswitch.db", garbage)
        with daemon:
            self.assert_failing("not a database")
            daemon.stop()
            self.assertEqual(self.file.path.read_bytes(), garbage, "it is evidence")

    def test_pages_that_were_overwritten(self):
        daemon = self.make()
        with daemon:
            for _ in range(50):
                self.deliver(event_body("status-update", filling=os.urandom(3000).hex()))
            daemon.stop()
            with open(daemon.directory / "hookswitch.db", "r+b") as file:
                file.seek(8192)
                file.write(os.urandom(120_000))
            daemon.start()
            self.assert_failing("malformed|corrupt")

    def refused_start(self, why):
        self.daemon.launch()
        self.daemon.expect_exit(1)
        self.assertRegex(self.daemon.text(), why)

    def test_it_is_moved_away_while_it_is_in_use(self):
        with self.make() as daemon:
            self.deliver(event_body("status-update"))
            self.file.path.rename(daemon.directory / "elsewhere.db")
            daemon.wait_for("journal.failed")
            self.assert_failing("moved or removed")

    def test_a_newer_version(self):
        daemon = self.make()
        with daemon:
            self.deliver(event_body("status-update"))
            self.await_settled(1)
            daemon.stop()
            with contextlib.closing(sqlite3.connect(self.file.path)) as newer:
                newer.execute("PRAGMA user_version = 1000")
            before = self.file.path.read_bytes()
            self.refused_start("newer version of hookswitch")
            self.assertEqual(self.file.path.read_bytes(), before)

    def test_somebody_elses_database(self):
        daemon = self.make()
        with contextlib.closing(sqlite3.connect(self.file.path)) as other:
            other.execute("CREATE TABLE customers(name)")
        self.refused_start("not a journal")

    def test_a_directory_that_is_not_there(self):
        self.make("nowhere/hookswitch.db")
        self.refused_start("nowhere/hookswitch.db")

    def test_a_second_daemon(self):
        with self.make() as daemon:
            self.deliver(event_body("status-update"))
            second = run("serve", "-c", daemon.directory / "hookswitch.toml", cwd=daemon.directory)
            self.assertEqual(second.returncode, 1)
            self.assertRegex(second.stderr.decode(), "another hookswitch has .*hookswitch.db open")
            self.deliver(event_body("status-update"))
            self.await_settled(2)

    def test_a_killed_daemon_leaves_no_lock(self):
        with self.make() as daemon:
            daemon.crash()
            daemon.start()
            self.deliver(event_body("status-update"))


if __name__ == "__main__":
    unittest.main()
