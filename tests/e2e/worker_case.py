"""A daemon with one pool of workers under the test's control, and a neighbour that is always well."""

import unittest

from control import Control
from deliveries import Asking, only_result, post, tool_calls
from support import Daemon, config, reply, route, worker

FALLBACK = {"result": "fallback"}


def alive(pid):
    """Whether a process is there and is not just waiting to be buried."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class WorkerTest(unittest.TestCase):
    def start(self, script="puppet.py", *arguments, timeout="9s", **pool):
        self.control = self.enterContext(Control())
        text = config(
            handlers=[
                worker("held", script, *arguments, control=self.control, **pool),
                reply("fixed", {"result": "ok"}),
            ],
            routes=[
                route("tool-calls", "fixed", tool="healthy"),
                route("tool-calls", "held", tool="short", timeout="1s", fallback=FALLBACK),
                route("*", "held", timeout=timeout, fallback=FALLBACK),
            ],
        )
        self.daemon = self.enterContext(Daemon(text))
        return self.daemon

    def ask(self, *tools):
        return Asking(self.daemon.tcp, tool_calls(*tools))

    def assert_healthy(self, times=1):
        for _ in range(times):
            self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("healthy"))), "ok")

    def assert_serves(self, result="served"):
        asking = self.ask("any")
        event = self.control.event()
        while event.tool != "any":  # one that a worker died of is given once more
            event.result("once more")
            event = self.control.event()
        event.result(result)
        self.assertEqual(only_result(asking.answer()), result)
