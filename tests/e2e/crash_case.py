"""One round of ending the daemon with SIGKILL under load, and what must be true afterwards.

Threads post status updates of many calls, each call's in order and each until it was acknowledged, as the
platform does. Whenever a number of them has been, drawn beforehand, the daemon is killed, or its workers
are, or both, and started again on the same journal. A worker writes down what it is given.
"""

import contextlib
import json
import os
import random
import select
import signal
import threading
import time
from pathlib import Path

from deliveries import event_body, request
from journal_file import JournalFile
from rawhttp import PATIENCE, Broken, Connection
from support import DURABLE, Daemon, config, route, worker

DAEMON, WORKERS, BOTH = "daemon", "workers", "both"


class Round:
    def __init__(self, seed, *, threads=4, calls_each=5, events_each=25, kills=5):
        self.seed = seed
        self._events_each = events_each
        self._calls = [[f"call-{seed}-{t}-{c}" for c in range(calls_each)] for t in range(threads)]
        self._total = threads * calls_each * events_each
        draw = random.Random(seed)
        moments = sorted(draw.sample(range(1, self._total), kills))
        # The first is the daemon's in any case.
        self._kills = [(m, draw.choice((DAEMON, WORKERS, BOTH)) if i else DAEMON) for i, m in enumerate(moments)]
        self._acknowledged = 0
        self._duplicates = 0
        self._life = 1
        self._failures = []
        self._changed = threading.Condition()

    def run(self):
        """Raises AssertionError for what is wrong; else a line that says what was done."""
        # Killed workers are failures of a handler: they must not use up the schedule.
        handler = worker("ledger", "ledger.py", "ledger.jsonl", "bell", workers=2, retry=["50ms"] * 20)
        text = config(log={"level": "info"}, journal=DURABLE, handlers=[handler], routes=[route("*", "ledger")])
        self._daemon = Daemon(text)
        os.mkfifo(self._daemon.directory / "bell")
        bell = os.open(self._daemon.directory / "bell", os.O_RDWR | os.O_NONBLOCK)
        try:
            with self._daemon:
                self._load()
                self._await_deliveries(bell)
                self._daemon.stop()
                return self._judge()
        except Exception as error:
            raise AssertionError(f"seed {self.seed}: {error}") from error
        finally:
            os.close(bell)

    # ---- load

    def _load(self):
        threads = [threading.Thread(target=self._guarded, args=[self._post_all, n], daemon=True)
                   for n in range(len(self._calls))]
        for each in threads:
            each.start()
        for moment, victim in self._kills:
            self._await(lambda: self._acknowledged >= moment)
            self._kill(victim)
        for each in threads:
            each.join()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, work, *arguments):
        try:
            work(*arguments)
        except Exception as error:
            with self._changed:
                self._failures.append(error)
                self._changed.notify_all()

    def _await(self, condition):
        with self._changed:
            if not self._changed.wait_for(lambda: self._failures or condition(), PATIENCE * 3):
                raise AssertionError(f"nothing moves:\n{self._daemon.tail()}")
            if self._failures:
                raise self._failures[0]

    def _kill(self, victim):
        if victim in (WORKERS, BOTH):
            for pid in children(self._daemon.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if victim in (DAEMON, BOTH):
            self._daemon.crash()
            self._daemon.start()
            with self._changed:
                self._life += 1
                self._changed.notify_all()

    def _post_all(self, number):
        draw = random.Random(self.seed * 1000 + number)
        left = {call: iter(range(self._events_each)) for call in self._calls[number]}
        connection, life = None, 0
        while left:
            call = draw.choice(list(left))
            n = next(left[call], None)
            if n is None:
                del left[call]
                continue
            # Now and then one that is compressed, and one that is not worth it.
            filling = draw.randbytes(draw.choice((0, 0, 0, 0, 3_000, 60_000))).hex()
            body = event_body("status-update", call_id=call, assistant={"metadata": {"n": n}}, filling=filling)
            while True:
                try:
                    if connection is None:
                        life = self._life
                        connection = Connection(self._daemon.unix)
                    answer = connection.ask(request(body))
                    break
                except (OSError, Broken):
                    # Whether it was stored nobody knows; so it is sent again, as the platform would.
                    if connection is not None:
                        connection.close()
                    connection = None
                    self._await(lambda: self._life > life)
            if answer.status != 200:
                raise AssertionError(f"{call} {n}: {answer}\n{self._daemon.tail()}")
            with self._changed:
                self._acknowledged += 1
                self._duplicates += answer.header("x-hookswitch-duplicate") == "true"
                self._changed.notify_all()
        if connection is not None:
            connection.close()

    # ---- what came of it

    def _ledger(self):
        try:
            text = (self._daemon.directory / "ledger.jsonl").read_text()
        except FileNotFoundError:
            return []
        found = []
        for line in text.splitlines():
            with contextlib.suppress(ValueError):  # cut off by a kill
                found.append(json.loads(line))
        return found

    def _await_deliveries(self, bell):
        deadline = time.monotonic() + PATIENCE * 3
        while len({(told["call"], told["metadata"]["n"]) for told in self._ledger()}) < self._total:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self._missing()} were not delivered:\n{self._daemon.tail()}")
            if select.select([bell], [], [], 1)[0]:
                os.read(bell, 65536)

    def _missing(self):
        told = {(entry["call"], entry["metadata"]["n"]) for entry in self._ledger()}
        return [key for key in self._all() if key not in told]

    def _all(self):
        return [(call, n) for calls in self._calls for call in calls for n in range(self._events_each)]

    def _judge(self):
        journal = JournalFile(self._daemon.directory / "hookswitch.db")
        journal.check()
        stored = {}
        for event in journal.events():
            n = json.loads(event.body)["message"]["assistant"]["metadata"]["n"]
            stored.setdefault((event.call, n), []).append(event)
        ledger = self._ledger()
        self._judge_journal(journal, stored)
        self._judge_ledger(ledger, stored)
        kills = ", ".join(f"{victim} at {moment}" for moment, victim in self._kills)
        return (f"seed {self.seed}: {self._total} events, killed: {kills}; "
                f"{self._duplicates} were known when they came again, {len(ledger) - self._total} delivered again")

    def _judge_journal(self, journal, stored):
        copies = {key: len(stored.get(key, ())) for key in self._all()}
        wrong = {key: count for key, count in copies.items() if count != 1}
        if wrong:
            raise AssertionError(f"not once in the journal but: {wrong}")
        for call in (c for calls in self._calls for c in calls):
            numbers = [stored[call, n][0].seq for n in range(self._events_each)]
            if numbers != sorted(numbers):
                raise AssertionError(f"{call} is not in the order of its acknowledgements in the journal: {numbers}")
        if left := journal.unsettled():
            raise AssertionError(f"not delivered: {left}")
        delivered = {row["seq"] for row in journal.attempts() if row["outcome"] == "delivered"}
        if unknown := [key for key, (event,) in stored.items() if event.seq not in delivered]:
            raise AssertionError(f"the journal does not know that they were delivered: {unknown}")

    def _judge_ledger(self, ledger, stored):
        order = {}
        for told in ledger:
            key = told["call"], told["metadata"]["n"]
            (event,) = stored[key]
            if told["id"] != event.id:
                raise AssertionError(f"{key} came to the worker as {told['id']}, in the journal it is {event.id}")
            order.setdefault(told["call"], {}).setdefault(told["metadata"]["n"])  # a dictionary keeps the first
        for call, first_deliveries in order.items():
            if list(first_deliveries) != list(range(self._events_each)):
                told = [(t["metadata"]["n"], t["attempt"], t["pid"]) for t in ledger if t["call"] == call]
                raise AssertionError(f"{call} was delivered out of order (n, attempt, worker): {told}; "
                                     f"killed: {self._kills}")


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found
