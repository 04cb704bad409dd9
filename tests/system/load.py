"""Calls and events at the service, all the time, and what became of each."""

import collections
import json
import threading

import machine  # noqa: F401  (the path to the end-to-end tests' modules)
from deliveries import event_body, only_result, post, tool_calls


PAUSE = 0.005  # between two requests of a sender: a load, not a flood


class Load:
    """A context manager: so many senders, each one request after the other on connections of their own."""

    def __init__(self, address, senders=4):
        self._address = address
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self.statuses = collections.Counter()  # an exception counts by its name
        self.acknowledged = set()  # call ids of the told-only events
        self._threads = [threading.Thread(target=self._send, args=[n], daemon=True) for n in range(senders)]

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
        return sum(self.statuses.values())

    @property
    def failed(self):
        return self.total - self.statuses[200]

    def _send(self, number):
        while not self._enough.wait(PAUSE):
            body = event_body("status-update") if number % 2 else tool_calls("fixed")
            try:
                response = post(self._address, body)
                outcome = response.status
                if outcome == 200 and not number % 2 and only_result(response) != "as configured":
                    outcome = "wrong answer"
            except Exception as error:
                outcome = type(error).__name__
            with self._lock:
                self.statuses[outcome] += 1
                if outcome == 200 and number % 2:
                    self.acknowledged.add(json.loads(body)["message"]["call"]["id"])
