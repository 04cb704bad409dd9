"""What once ended the daemon, or held up everybody: each was found by attacking it."""

import contextlib
import threading
import unittest

from control import Control
from deliveries import event_body, only_result, post, request, tool_calls
from rawhttp import Connection
from support import Daemon, config, reply, route, worker


class Robustness(unittest.TestCase):
    def test_a_told_only_event_answered_after_its_deadline(self):
        with Control() as control:
            text = config(
                handlers=[worker("held", "puppet.py", control=control, retry=[])],
                routes=[route("status-update", "held", timeout="100ms")],
            )
            with Daemon(text) as daemon:
                self.assertEqual(post(daemon.tcp, event_body("status-update")).status, 200)
                event = control.event()
                daemon.wait_for("delivery.dead", id=event["id"])
                event.answer({})
                daemon.wait_for("handler.late", id=event["id"])
                self.assertEqual(post(daemon.tcp, event_body("status-update")).status, 200)
                control.event().answer({})

    def test_a_burst_of_told_only_events_outlives_a_slow_worker(self):
        """Time that an event spends behind others is not the worker's."""
        with Control() as control:
            text = config(
                handlers=[worker("held", "puppet.py", control=control)],
                routes=[route("status-update", "held", timeout="1s")],
            )
            with Daemon(text) as daemon:
                calls = {f"call-{n}" for n in range(8)}
                for call in sorted(calls):
                    self.assertEqual(post(daemon.tcp, event_body("status-update", call_id=call)).status, 200)
                seen = set()
                for _ in calls:
                    event = control.event()
                    threading.Event().wait(0.3)  # work that takes its time is what is tested
                    seen.add(event["call"]["id"])
                    event.answer({})
                self.assertEqual(seen, calls)
                self.assertEqual(daemon.records("delivery.failed"), [])

    def test_a_reload_between_head_and_body(self):
        text = config(handlers=[reply("fixed", {"result": "ok"})], routes=[route("tool-calls", "fixed")])
        with Daemon(text) as daemon, Connection(daemon.tcp) as connection:
            whole = request(tool_calls("any"))
            cut = whole.index(b"\r\n\r\n") + 14
            connection.send(whole[:cut])
            connection.wait_until_read()
            self.assertEqual(daemon.reload()["event"], "reload.done")
            self.assertEqual(daemon.reload()["event"], "reload.done")
            connection.send(whole[cut:])
            self.assertEqual(only_result(connection.response()), "ok")

    def test_a_peer_that_never_pauses_does_not_hold_up_the_others(self):
        text = config(
            server={"threads": 1}, handlers=[reply("fixed", {"result": "ok"})], routes=[route("tool-calls", "fixed")]
        )
        with Daemon(text) as daemon:
            enough = threading.Event()

            def never_pause():
                burst = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 200
                with Connection(daemon.tcp) as connection, contextlib.suppress(Exception):
                    reader = threading.Thread(target=self._read, args=(connection, enough), daemon=True)
                    reader.start()
                    while not enough.is_set():
                        connection.send(burst)

            flood = threading.Thread(target=never_pause, daemon=True)
            flood.start()
            daemon.wait_for("request.refused")
            try:
                for _ in range(20):
                    self.assertEqual(only_result(post(daemon.tcp, tool_calls("any"))), "ok")
                self.assertTrue(flood.is_alive(), "the flood was over too soon to prove anything")
            finally:
                enough.set()
                flood.join(10)

    def _read(self, connection, enough):
        with contextlib.suppress(Exception):
            while not enough.is_set():
                connection.response(strict=False)


if __name__ == "__main__":
    unittest.main()
