"""Calls and events at the daemon, all the time, and what became of each."""

import collections
import json
import threading

from deliveries import event_body, only_result, request, tool_calls

PAUSE = 0.005  # between two requests of a sender: a load, not a flood


class Load:
    """A context manager: so many senders, each one request after the other, a question and a status-update by turns.

    `connect` makes a connection (rawhttp.Connection); one that is kept is asked again until the answer closes it. `tool`
    is what the questions call, and its answer has to be `result`.
    """

    def __init__(self, connect, *, tool, result, keep=False, senders=4):
        self._connect, self._tool, self._result, self._keep = connect, tool, result, keep
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self.outcomes = collections.Counter()  # 200, or what was wrong
        self.acknowledged = set()  # call ids of the told-only events
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(senders)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        for thread in self._threads:
            thread.join()

    @property
    def total(self):
        return sum(self.outcomes.values())

    @property
    def failed(self):
        return self.total - self.outcomes[200]

    def _send(self):
        connection, tell = None, False
        while not self._enough.wait(PAUSE):
            tell = not tell
            body = event_body("status-update") if tell else tool_calls(self._tool)
            response = None
            try:
                connection = connection or self._connect()
                connection.send(request(body))
                response = connection.response(strict=False)
                outcome = self._judge(response, tell)
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}"
            with self._lock:
                self.outcomes[outcome] += 1
                if outcome == 200 and tell:
                    self.acknowledged.add(json.loads(body)["message"]["call"]["id"])
            if connection and (not self._keep or not response or response.closes):
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _judge(self, response, told):
        if response.status != 200:
            return f"{response.status} {response.body[:100]!r}"
        if not told and only_result(response) != self._result:
            return f"wrong answer: {response.body[:100]!r}"
        return 200
