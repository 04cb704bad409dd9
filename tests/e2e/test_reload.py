"""Changing the configuration under load: no request notices."""

import json
import signal
import threading
import time
import unittest

from control import Control
from deliveries import SECRET, Asking, only_result, post, request, tool_calls
from rawhttp import PATIENCE, Broken, Connection
from support import Daemon, config, reply, route, source, worker
from worker_case import alive


DAYS = {month: 29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)}


class Load:
    """Threads that ask and ask, half on kept connections, half on new ones; every answer is kept."""

    def __init__(self, daemon, body=lambda: tool_calls("any"), threads=4, secret=lambda: SECRET):
        self._daemon = daemon
        self._body = body
        self._secret = secret
        self._stop = threading.Event()
        self.answers = []
        self.failures = []
        self._threads = [threading.Thread(target=self._run, args=[n], daemon=True) for n in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def wait_for_more(self, count=40):
        """Returns when this many more answers have come."""
        wanted, deadline = len(self.answers) + count, time.monotonic() + PATIENCE
        while len(self.answers) < wanted and not self.failures:
            if time.monotonic() > deadline:
                raise AssertionError(f"only {len(self.answers)} answers of {wanted}")
            self._stop.wait(0.001)

    def _run(self, number):
        address = self._daemon.tcp if number % 4 < 2 else self._daemon.unix
        try:
            while not self._stop.is_set():
                with Connection(address) as connection:
                    for _ in range(1 if number % 2 else 20):
                        response = connection.ask(request(self._body(), secret=self._secret()))
                        if response.status != 200:
                            raise Broken(str(response))
                        self.answers.append(only_result(response))
                        if response.closes:
                            break
        except Exception as error:
            self.failures.append(error)


class Reload(unittest.TestCase):
    def settings(self, result="one", **more):
        return config(handlers=[reply("fixed", {"result": result})], routes=[route("tool-calls", "fixed")], **more)

    def test_routes_and_handlers_change_under_load(self):
        with Daemon(self.settings("0")) as daemon:
            with Load(daemon) as load:
                for turn in range(1, 11):
                    self.assertEqual(daemon.reload(self.settings(str(turn)))["event"], "reload.done")
                    # From the moment it is logged, everyone gets the new answer.
                    self.assertEqual(only_result(post(daemon.tcp, tool_calls("any"))), str(turn))
                    self.assertEqual(only_result(post(daemon.unix, tool_calls("any"))), str(turn))
                    load.wait_for_more()
            self.assertEqual(load.failures, [])
            self.assertLessEqual({"0", "5", "10"}, set(load.answers))

    def test_workers_change_under_load(self):
        def settings(name):
            handlers = [worker("echo", "echo.py", name, workers=2, concurrency=2, environment={"NAME": name})]
            return config(handlers=handlers, routes=[route("tool-calls", "echo")])

        with Daemon(settings("first")) as daemon:
            with Load(daemon) as load:
                for name in ("second", "third", "fourth"):
                    self.assertEqual(daemon.reload(settings(name))["event"], "reload.done")
                    load.wait_for_more()
            self.assertEqual(load.failures, [])
            # Each answer is the event, as the worker got it: none was replaced by a built-in answer.
            self.assertEqual({type(a) for a in load.answers}, {dict})
            self.assertTrue(all("tool_call" in a for a in load.answers))

    def test_an_event_in_work_is_answered_by_the_old_worker(self):
        with Control() as control:

            def settings(name):
                return config(
                    handlers=[worker("held", "puppet.py", name, control=control)], routes=[route("tool-calls", "held")]
                )

            with Daemon(settings("old")) as daemon:
                asking = Asking(daemon.tcp, tool_calls("any"))
                event = control.event()
                self.assertEqual(daemon.reload(settings("new"))["event"], "reload.done")
                other = Asking(daemon.tcp, tool_calls("any"))
                replaced = control.event()
                self.assertEqual(replaced.worker.arguments, ["new"])
                replaced.result("new")
                self.assertEqual(only_result(other.answer()), "new")
                # Not waiting for the worker to say that it did: its answer is the end of its work, and of it.
                answer = {"id": event["id"], "reply": {"result": "old"}}
                event.worker.order(wait=False, write=json.dumps(answer) + "\n")
                self.assertEqual(only_result(asking.answer()), "old")
                event.worker.wait_gone()
                self.assertTrue(alive(replaced.worker.pid))

    def test_a_reload_without_a_change_still_brings_in_new_code(self):
        """Who edits desk.py and reloads wants the new desk.py; the old worker ends when nothing is left for it."""
        with Control() as control:
            text = config(handlers=[worker("held", "puppet.py", control=control)], routes=[route("tool-calls", "held")])
            with Daemon(text) as daemon:
                process = control.worker()
                self.assertEqual(daemon.reload()["event"], "reload.done")
                asking = Asking(daemon.tcp, tool_calls("any"))
                event = control.event()
                self.assertNotEqual(event.worker.pid, process.pid)
                event.result("ok")
                asking.answer()
                process.wait_gone()

    def test_lists_are_read_again(self):
        text = config(
            handlers=[
                reply("fixed", {"result": "other"}, timezone="Europe/Amsterdam", holidays="holidays.txt",
                      case=[
                          {"when": {"open": False}, "reply": {"result": "closed"}},
                          {"when": {"caller_list": "vip.txt"}, "reply": {"result": "vip"}},
                      ])
            ],
            routes=[route("tool-calls", "fixed")],
        )

        with Daemon(text, files={"vip.txt": "# nobody yet\n", "holidays.txt": ""}) as daemon:

            def answer(caller):
                return only_result(post(daemon.tcp, tool_calls("any", caller=caller)))

            self.assertEqual(answer("+31612345678"), "other")
            daemon.write("vip.txt", "+31612345678\n+4420*\n")
            self.assertEqual(answer("+31612345678"), "other", "not before the reload")
            daemon.reload()
            self.assertEqual([answer(n) for n in ("+31612345678", "+442012", "+31612345679")], ["vip", "vip", "other"])
            every_day = [f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, DAYS[month] + 1)]
            daemon.write("holidays.txt", "\n".join(["# on strike", *every_day]))
            daemon.reload()
            self.assertEqual(answer("+31612345678"), "closed")

    def test_sources_come_and_go(self):
        with Daemon(self.settings()) as daemon, Connection(daemon.tcp) as connection:
            self.assertEqual(connection.ask(request(tool_calls("any"), path="/second")).status, 404)
            daemon.reload(self.settings(sources=[source(), source("second", "/second")]))
            self.assertEqual(post(daemon.tcp, tool_calls("any"), path="/second").status, 200)
            daemon.reload(self.settings())
            self.assertEqual(post(daemon.tcp, tool_calls("any"), path="/second").status, 404)

    def test_a_faulty_file_changes_nothing_and_tells_every_fault(self):
        faulty = self.settings("two").replace("handler =", "handlr =").replace('level = "debug"', 'level = "loud"')
        faulty += '[[route]]\nevent = "tool-calls"\nhandler = "nobody"\ntimeout = 5\n'
        with Daemon(self.settings("one")) as daemon, Load(daemon) as load:
            mark = daemon.mark()
            self.assertEqual(daemon.reload(faulty)["event"], "reload.failed")
            load.wait_for_more()
            self.assertEqual(only_result(post(daemon.tcp, tool_calls("any"))), "one")
            said = " ".join(str(r) for r in daemon.records("reload.failed", after=mark))
            for fault in ("handlr", "loud", "nobody", "timeout", "hookswitch.toml:"):
                self.assertIn(fault, said)
            self.assertEqual(daemon.reload("this is [ no TOML")["event"], "reload.failed")
            daemon.write("secret", "")
            self.assertEqual(daemon.reload(self.settings("two"))["event"], "reload.failed")
            self.assertEqual(only_result(post(daemon.tcp, tool_calls("any"))), "one")
            (daemon.directory / "hookswitch.toml").unlink()
            self.assertEqual(daemon.reload()["event"], "reload.failed")
            daemon.write("secret", "whsec_test_secret_12345")
            self.assertEqual(daemon.reload(self.settings("three"))["event"], "reload.done")
            self.assertEqual(only_result(post(daemon.tcp, tool_calls("any"))), "three")
        self.assertEqual(load.failures, [])

    def test_many_reloads_at_once(self):
        with Daemon(self.settings()) as daemon:
            for _ in range(20):
                daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for("reload.done")
            self.assertEqual(daemon.reload(self.settings("two"))["event"], "reload.done")

            deadline = time.monotonic() + PATIENCE
            while only_result(post(daemon.tcp, tool_calls("any"))) != "two":
                self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    unittest.main()
