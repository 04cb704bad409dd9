"""From starting the process to READY=1 on the service manager's socket."""
import socket
import time
from statistics import median

from servers import PYTHON_KIT, Hookswitch, worker_handler
from table import Group, Row

_MOST_MS = 50
_PATIENCE_SECONDS = 20


def measure(bench):
    with_worker = worker_handler("kit", "kit_worker.py", "by_kit", environment=PYTHON_KIT)
    return Group("start", f"start to READY, {bench.size.starts} starts", [
        _row("hookswitch, `reply` handlers only", _times(bench, "plain", ""), _MOST_MS),
        _row("hookswitch, one Python worker too", _times(bench, "worker", with_worker), None)])


def _row(label, milliseconds, most):
    middle = median(milliseconds)
    return Row(label, f"{middle:.1f} ms", detail=f"{min(milliseconds):.1f} to {max(milliseconds):.1f} ms",
               target="" if most is None else f"< {most} ms", met=None if most is None else middle < most,
               data={"milliseconds": milliseconds})


def _times(bench, name, extra):
    server = Hookswitch(bench.directory / f"start-{name}", bench.binary, extra=extra)
    address = str(server.directory / "notify")
    server.extra_environment["NOTIFY_SOCKET"] = address
    times = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        notify.settimeout(_PATIENCE_SECONDS)
        for _ in range(bench.size.starts):
            started = time.monotonic()
            server.spawn()
            _await_ready(notify, server)
            times.append((time.monotonic() - started) * 1000)
            server.stop()
            _discard(notify)
    return times


def _await_ready(notify, server):
    try:
        while b"READY=1" not in notify.recv(4096).split(b"\n"):
            pass
    except socket.timeout:
        server.stop()
        raise SystemExit("bench: hookswitch never said READY: " + server.log_tail())


def _discard(notify):
    """The STOPPING=1 of the process that has just ended."""
    notify.setblocking(False)
    try:
        while notify.recv(4096):
            pass
    except BlockingIOError:
        pass
    notify.settimeout(_PATIENCE_SECONDS)
