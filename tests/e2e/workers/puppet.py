"""A worker that does nothing of its own accord: it shows the test every line and does what the test says.

    puppet.py [--silent|--once] [--stubborn]
        --silent: without the handshake
        --once: a program for one event: no handshake, and it does not end with its input
        --stubborn: it does not end at SIGTERM, nor with its input
"""

import json
import os
import signal
import sys
import threading

from link import Link, write


def flood(what):
    """Writes without end, to the daemon or to the log, until the reader is gone."""
    descriptor = 2 if what["to"] == "stderr" else 1
    chunk = what["chunk"].encode() * what["repeat"]
    try:
        while True:
            os.write(descriptor, chunk)
    except OSError:
        os._exit(3)


# Held while an order is carried out: the daemon may end this process as soon as it has what it waited for.
busy = threading.Lock()


def carry_out(order, link):
    if "write" in order:
        write(order["write"])
    elif "stderr" in order:
        os.write(2, order["stderr"].encode())
    elif "exit" in order:
        os._exit(order["exit"])
    elif "signal" in order:
        os.kill(os.getpid(), order["signal"])
    elif "close" in order:
        os.close(order["close"])
    elif "flood" in order:
        threading.Thread(target=flood, args=[order["flood"]], daemon=True).start()
    if "token" in order:
        link.tell(done=order["token"])


def obey(link):
    for order in link.orders():
        with busy:
            carry_out(order, link)
    os._exit(0)


def main():
    if "--stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: None)
    link = Link()
    if not {"--silent", "--once"} & set(sys.argv):
        write(json.dumps({"hookswitch": 1}) + "\n")
    threading.Thread(target=obey, args=[link], daemon=True).start()
    for line in sys.stdin.buffer:
        link.tell(line=line.decode())
    link.tell(end_of_input=True)
    if {"--once", "--stubborn"} & set(sys.argv):
        threading.Event().wait()
    busy.acquire()


main()
