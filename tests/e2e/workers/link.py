"""The line between a worker process and the test that owns it: JSON lines over a Unix socket.

The test's end is control.py. Whatever the daemon sends and whatever the worker notices goes up as a record;
whatever the test wants done comes down as one. Nothing here waits for a time to pass.
"""

import json
import os
import select
import socket
import sys
import threading


class Link:
    def __init__(self):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(os.environ["HOOKSWITCH_TEST_CONTROL"])
        self._lock = threading.Lock()
        self.tell(
            pid=os.getpid(),
            arguments=sys.argv[1:],
            environment=dict(os.environ),
            directory=os.getcwd(),
            descriptors=_descriptors(),
        )

    def tell(self, **record):
        with self._lock:
            self._socket.sendall(json.dumps(record).encode() + b"\n")

    def orders(self):
        """What the test wants done, one record after the other, until the test hangs up."""
        buffer = b""
        while chunk := self._socket.recv(65536):
            buffer += chunk
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                yield json.loads(line)


def _descriptors():
    """Where each open descriptor leads, the link's own left out."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass  # the descriptor of the listing itself
    return found


def write(data):
    """All of it to the daemon, past Python's buffers."""
    data = data.encode() if isinstance(data, str) else data
    while data:
        data = data[os.write(1, data) :]


def wait_without_reading():
    """Returns when the daemon has closed its end of standard input; what it wrote there stays unread."""
    ended = select.poll()
    ended.register(0, 0)  # a hang-up is told without being asked for
    ended.poll()
