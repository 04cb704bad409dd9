"""Stopping with requests in flight: everything that was taken is answered, and then it ends."""

import contextlib
import signal
import socket
import threading
import time
import unittest

from control import Control
from deliveries import event_body, only_result, post, request, tool_calls
from rawhttp import PATIENCE, Broken, Connection
from support import Daemon, config, reply, route, worker
from worker_case import alive


class Drain(unittest.TestCase):
    def start(self, server=None, **pool):
        self.control = self.enterContext(Control())
        text = config(
            server=server,
            handlers=[worker("held", "puppet.py", control=self.control, **pool), reply("fixed", {"result": "ok"})],
            routes=[route("tool-calls", "fixed", tool="quick"), route("*", "held")],
        )
        self.daemon = self.enterContext(Daemon(text))
        return self.daemon

    def wait_refused(self):
        """No new connection is taken. A refusal by the kernel comes as soon as the listener is closed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                Connection(self.daemon.tcp).close()
            except ConnectionRefusedError:
                return
            except OSError:
                pass
            self.assertLess(time.monotonic(), deadline, "still accepting")

    def assert_served_to_the_end(self, connection, response):
        """This answer, and perhaps a few more until the news of the stop has come round; the last one says so."""
        deadline = time.monotonic() + PATIENCE
        while not response.closes:
            self.assertEqual((response.status, only_result(response)), (200, "ok"))
            self.assertLess(time.monotonic(), deadline, "no end of it")
            response = connection.ask(request(tool_calls("quick")))
        self.assertEqual((response.status, only_result(response)), (200, "ok"))
        connection.expect_end()

    def test_requests_in_flight_are_answered(self):
        daemon = self.start(concurrency=16)
        with contextlib.ExitStack() as stack:
            flights = []
            for n in range(8):
                connection = stack.enter_context(Connection(daemon.tcp if n % 2 else daemon.unix))
                connection.send(request(tool_calls("any")))
                flights.append(connection)
            events = [self.control.event() for _ in range(8)]
            daemon.terminate()
            daemon.wait_for("server.stopping")
            self.wait_refused()
            for event in events:
                event.result("in flight")
            for connection in flights:
                response = connection.response()
                self.assertEqual((response.status, only_result(response)), (200, "in flight"))
                self.assertTrue(response.closes)
                connection.expect_end()
        daemon.expect_exit(0)
        daemon.wait_for("server.stopped")

    def test_half_sent_requests_are_answered(self):
        daemon = self.start()
        data = request(tool_calls("quick"))
        with Connection(daemon.unix) as head, Connection(daemon.unix) as body:
            head.send(data[:40])
            body.send(data[:-5])
            head.wait_until_read()
            body.wait_until_read()
            daemon.terminate()
            daemon.wait_for("server.stopping")
            for connection, rest in ((head, data[40:]), (body, data[-5:])):
                self.assert_served_to_the_end(connection, connection.ask(rest))
        daemon.expect_exit(0)

    def test_a_kept_connection_gets_one_more_answer(self):
        daemon = self.start()
        with Connection(daemon.tcp) as kept, Connection(daemon.tcp) as flight:
            self.assertEqual(kept.ask(request(tool_calls("quick"))).status, 200)
            flight.send(request(tool_calls("any")))
            event = self.control.event()
            daemon.terminate()
            daemon.wait_for("server.stopping")
            self.assert_served_to_the_end(kept, kept.ask(request(tool_calls("quick"))))
            event.result("done")
            self.assertEqual(flight.response().status, 200)
        daemon.expect_exit(0)

    def test_idle_connections_do_not_hold_the_exit(self):
        daemon = self.start()
        with contextlib.ExitStack() as stack:
            idle = [stack.enter_context(Connection(daemon.tcp)) for _ in range(20)]
            for connection in idle[:10]:
                self.assertEqual(connection.ask(request(tool_calls("quick"))).status, 200)
            started = time.monotonic()
            daemon.stop()
            self.assertLess(time.monotonic() - started, 6, "drain_timeout is 20 s, the idle second is one")
            for connection in idle:
                connection.expect_end()

    def test_told_only_events_reach_their_handler(self):
        daemon = self.start()
        for n in range(5):
            self.assertEqual(post(daemon.tcp, event_body("status-update", status=f"s{n}", call_id="one")).status, 200)
        event = self.control.event()
        daemon.terminate()
        daemon.wait_for("server.stopping")
        for n in range(5):
            self.assertEqual(event["call"]["status"], f"s{n}")
            event.answer({})
            if n < 4:
                event = self.control.event()
        daemon.expect_exit(0)

    def test_a_stop_under_load_fails_no_request_that_was_taken(self):
        """Answered, or closed or refused before a byte of the request was sent; nothing in between."""
        daemon = self.start()
        outcomes, stop = [], threading.Event()

        def ask_and_ask():
            while not stop.is_set():
                try:
                    connection = Connection(daemon.tcp)
                except OSError:
                    return
                with connection:
                    while not stop.is_set():
                        # A close that is already there was announced or is the idle second's.
                        if connection.readable(0):
                            break
                        try:
                            response = connection.ask(request(tool_calls("quick")))
                        except (Broken, OSError) as error:
                            outcomes.append(error)
                            return
                        outcomes.append(response.status)
                        if response.closes:
                            return

        threads = [threading.Thread(target=ask_and_ask, daemon=True) for _ in range(6)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE
        while len(outcomes) < 200:
            self.assertLess(time.monotonic(), deadline)
            stop.wait(0.002)
        daemon.stop()
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual({o for o in outcomes if o != 200}, set())

    def test_a_stop_right_after_a_reload(self):
        text = config(handlers=[reply("fixed", {"result": "ok"})], routes=[route("*", "fixed")])
        for _ in range(8):
            with Daemon(text) as daemon:
                daemon.reload()
        with Daemon(text) as daemon:
            # And in the middle of one.
            daemon.process.send_signal(signal.SIGHUP)
            daemon.stop()

    def test_a_worker_that_never_answers_does_not_hold_the_exit_for_ever(self):
        daemon = self.start({"drain_timeout": "1s"})
        with Connection(daemon.tcp) as connection:
            connection.send(request(tool_calls("any")))
            event = self.control.event()
            daemon.terminate()
            daemon.process.wait(PATIENCE)
            connection.rest()
        event.worker.wait_gone()
        self.assertFalse(alive(event.worker.pid))
        daemon.expect_exit(daemon.process.returncode)
        self.assertIn(daemon.process.returncode, (0, 1))

    def test_stubborn_workers_are_killed(self):
        with Control() as control:
            text = config(handlers=[worker("held", "puppet.py", "--stubborn", control=control, workers=2)],
                          routes=[route("*", "held")])
            with Daemon(text) as daemon:
                workers = [control.worker(), control.worker()]
                daemon.stop(timeout=15)
                for process in workers:
                    process.wait_gone()
                    self.assertFalse(alive(process.pid))

    def test_the_unix_socket_is_taken_away(self):
        daemon = self.start()
        path = daemon.directory / "hook.sock"
        self.assertTrue(path.is_socket())
        daemon.stop()
        self.assertFalse(path.exists())

    def test_a_socket_left_behind_is_no_obstacle_but_a_used_one_is(self):
        text = config()
        daemon = Daemon(text)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(str(daemon.directory / "hook.sock"))
        with daemon:
            self.assertEqual(post(daemon.unix, event_body("status-update")).status, 200)
            second = Daemon(text.replace("unix:hook.sock", f"unix:{daemon.directory}/hook.sock"))
            try:
                second.launch()
                second.expect_exit(1)
            finally:
                second.kill()
            self.assertEqual(post(daemon.unix, event_body("status-update")).status, 200)


if __name__ == "__main__":
    unittest.main()
