"""The daemon that the HTTP tests talk to."""

import unittest

from control import Control
from deliveries import only_result, request, tool_calls
from support import Daemon, config, reply, route, worker


class HttpTest(unittest.TestCase):
    """`held*` tools wait for the test, all others are answered at once with their own name."""

    @classmethod
    def setUpClass(cls):
        cls.control = cls.enterClassContext(Control())
        text = config(
            handlers=[
                worker("held", "puppet.py", control=cls.control, concurrency=8),
                reply("fixed", {"result": "${tool_call.name}"}),
            ],
            routes=[
                route("tool-calls", "held", tool="held*"),
                route("tool-calls", "fixed"),
            ],
        )
        cls.daemon = cls.enterClassContext(Daemon(text))

    def assert_answers(self, response, tool):
        self.assertEqual(response.status, 200, response)
        self.assertEqual(only_result(response), tool)

    def assert_usable_or_closed(self, connection, response):
        """After a refusal that needs no close: either closed as announced, or the next request is served."""
        if response.closes:
            connection.expect_end()
        else:
            self.assert_answers(connection.ask(request(tool_calls("after"))), "after")
