"""The worker of the system test: keeps what it is told, and tries what a worker must not be able to do."""

import ctypes
import json
import os
import socket

from hookswitch import on, run, tool

KEPT = os.path.join(os.environ["STATE_DIRECTORY"], "kept")
LIBC = ctypes.CDLL(None, use_errno=True)


@on("status-update")
def keep(event):
    with open(KEPT, "a", encoding="ascii") as file:
        file.write(event.call.id + "\n")


def outcome(act):
    try:
        act()
    except OSError as error:
        return os.strerror(error.errno)
    return "done"


def call(name, *arguments):
    def act():
        if getattr(LIBC, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), "")
    return act


def read(path):
    def act():
        with open(path, "rb") as file:
            file.read(1)
    return act


def write(directory):
    def act():
        path = os.path.join(directory, "written-by-a-worker")
        with open(path, "w", encoding="ascii"):
            pass
        os.unlink(path)
    return act


def open_socket(*kind):
    return lambda: socket.socket(*kind).close()


@tool
def try_to(event, writes, reads):
    daemon = os.getppid()
    return {
        "uid": os.getuid(),
        "daemon": daemon,
        "writes": {path: outcome(write(path)) for path in writes},
        "reads": {path: outcome(read(path.replace("DAEMON", str(daemon)))) for path in reads},
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "calls": {
            "mount": outcome(call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None)),
            "unshare a user namespace": outcome(call("unshare", 0x10000000)),
            "become root": outcome(lambda: os.setuid(0)),
            "trace the daemon": outcome(call("ptrace", 16, daemon, 0, 0)),
            "raw socket": outcome(open_socket(socket.AF_INET, socket.SOCK_RAW, 1)),
            "packet socket": outcome(open_socket(socket.AF_PACKET, socket.SOCK_RAW)),
            "netlink socket": outcome(open_socket(socket.AF_NETLINK, socket.SOCK_RAW)),
            "set the clock": outcome(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))),
        },
        "environment": sorted(os.environ),
    }


run()
