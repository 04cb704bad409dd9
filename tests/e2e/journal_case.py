"""A daemon with a journal, and workers under the test's control."""

import json
import unittest

from control import Control
from deliveries import event_body, post
from journal_file import JournalFile
from support import DURABLE, Daemon, await_that, config, route, worker

STEP = "50ms"


class JournalTest(unittest.TestCase):
    journal = DURABLE

    def setUp(self):
        self.control = self.enterContext(Control())

    def start(self, handlers=None, routes=None, **more):
        """Unless told otherwise: one puppet that is told everything."""
        text = config(
            journal=self.journal,
            handlers=handlers if handlers is not None else [self.puppet()],
            routes=routes if routes is not None else [route("*", "held")],
            **more,
        )
        self.daemon = self.enterContext(Daemon(text))
        self.file = JournalFile(self.daemon.directory / "hookswitch.db")
        return self.daemon

    def puppet(self, name="held", **more):
        return worker(name, "puppet.py", control=self.control, **more)

    def tell(self, kind="status-update", *dialect, **more):
        """Posts an event that is to be accepted; returns its body."""
        body = event_body(kind, *dialect, **more)
        answer = post(self.daemon.unix, body)
        self.assertEqual((answer.status, answer.body), (200, b"{}"), answer)
        return body

    def id_of(self, body):
        """What the daemon calls the event."""
        (event,) = [e for e in self.file.events() if e.body == body]
        return event.id

    def await_settled(self, deliveries):
        """Until the journal has so many deliveries, and none of them is under way."""
        def settled():
            return (len([a for a in self.file.attempts() if a["outcome"] == "delivered"]) == deliveries
                    and not self.file.unsettled())
        await_that(settled, f"{deliveries} deliveries on record")

    def outcomes(self, event_id, handler="held"):
        """Attempts on record: (number, outcome, why)."""
        seq = self.file.event(event_id).seq
        return [(a["attempt"], a["outcome"], a["why"]) for a in self.file.attempts()
                if a["seq"] == seq and a["handler"] == handler]


def call_of(body):
    return json.loads(body)["message"]["call"]["id"]
