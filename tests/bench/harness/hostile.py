"""What known senders feel of attacks: the 99th percentile of their answers, quiet and under each attack, and how much
memory the daemon has at most meanwhile."""
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

import bodies
import prepare
from generators import GENERATOR_CORE, Stream, faults, finish
from servers import Hookswitch, free_port
from steering import admin_section, metric
from table import Group, Row

_SENDER = "127.0.0.9"  # the attackers come from others of 127/8, and no proxy is trusted
_MOST_RATIO = 3
_ROUTE = """
[[handler]]
name = "hello"
type = "reply"
reply = { first_message = "Hello Jan" }

[[route]]
event = "assistant-request"
handler = "hello"
"""


@dataclass
class Attack:
    name: str
    label: str
    command: list
    ramp: float = 1.0  # seconds until it is in force
    rounds: list = field(default_factory=list)


@dataclass
class Round:
    quiet: dict  # reports by kind of load
    attacked: dict
    peak_bytes: int
    counted: dict  # what the daemon's metrics went up by, a second


def measure(bench):
    prepare.need("slowhttptest", "slowhttptest")
    size = bench.size
    admin = free_port()
    with Hookswitch(bench.directory / "hostile", bench.binary, server="trusted_proxies = []", dedupe_window="1m",
                    extra=_ROUTE + admin_section(admin)) as server:
        senders = _Senders(bench, server)
        senders.ask(size.warmup + 0.5)  # now they are proven
        idle = server.resident_bytes()
        attacks = _attacks(bench, server.port)
        for _ in range(size.hostile_rounds):
            for attack in attacks:
                prepare.say(f"bench: hostile: {attack.label}")
                attack.rounds.append(_one_round(size, server, senders, attack, admin))
                if server.process.poll() is not None:
                    raise SystemExit(f"bench: the daemon died of {attack.label}: {server.log_tail()}")
    rows = [_row(attack) for attack in attacks]
    peak = max(one.peak_bytes for attack in attacks for one in attack.rounds)
    rows.append(Row("most memory, all attacks", f"{peak / 2**20:.0f} MiB", detail=f"{idle / 2**20:.1f} MiB before",
                    data={"idle": idle, "peak": peak}))
    return Group("hostile", "p99 under attack to p99 quiet, of senders whose signatures hold: tool-calls and "
                 "assistant-request on kept connections, tool-calls on a new connection each", rows)


def _attacks(bench, port):
    size, url = bench.size, f"http://127.0.0.1:{port}/webhook"
    slow = ["slowhttptest", "-u", url, "-l", "3600", "-p", "3600", "-v", "0", "-c", size.slow_connections,
            "-r", size.slow_connections]

    def own(kind, label, count=0, ramp=1.0):
        return Attack(kind, label, [sys.executable, prepare.BENCH / "peers" / "attacker.py", kind, port, count], ramp)

    some = f"{size.slow_connections:,}"
    return [
        Attack("slow-heads", f"slowhttptest -H, {some}", [*slow, "-H", "-i", "1", "-x", "20"], 2),
        Attack("slow-bodies", f"slowhttptest -B, {some}", [*slow, "-B", "-i", "1", "-s", "65536"], 2),
        Attack("ranges", f"slowhttptest -R, {some}", [*slow, "-R"], 2),
        Attack("slow-reads", f"slowhttptest -X, {some}", [*slow, "-X", "-k", "10", "-w", "1", "-y", "64"], 2),
        own("idle", f"idle connections, {size.idle_connections:,}", size.idle_connections,
            2 + size.idle_connections / 3000),
        own("connects", "connection flood"),
        own("bodies", "2 MiB and a bad signature, one address"),
        own("many_bodies", "2 MiB and a bad signature, many addresses"),
        own("halves", f"most of 2 MiB and no more, {size.halves:,}", size.halves, 3),
        own("small_halves", f"most of 60 KB and no more, {size.slow_connections:,}", size.slow_connections,
            2 + size.slow_connections / 1500),
        own("heads", "heads of 15 KiB, and without an end"),
    ]


class _Senders:
    """Three generators at once: at fixed rates, on the attackers' core, but before them in line."""

    _LOADS = {"tool-calls": {"rate": 300, "connections": 16}, "assistant-request": {"rate": 300, "connections": 16},
              "new connections": {"rate": 100, "connections": 16, "fresh": "yes"}}

    def __init__(self, bench, server):
        self._bench, self._server = bench, server
        tool, hello = bench.directory / "tool.body", bench.directory / "hello.body"
        tool.write_text(bodies.tool_call("by_reply"))
        hello.write_text(bodies.assistant_request())
        tools = Stream("tool-calls", tool, expect="Jan Jansen")
        self._streams = {"tool-calls": tools, "assistant-request": Stream("assistant-request", hello, "Hello Jan"),
                         "new connections": tools}

    def ask(self, seconds):
        running = {}
        for name, load in self._LOADS.items():
            options = {**load, "source": _SENDER, "seconds": seconds, "warmup": self._bench.size.warmup}
            command = self._bench.generator.command(self._server, self._streams[name], options)
            running[name] = subprocess.Popen([*_first_in_line(), *command], stdout=subprocess.PIPE, text=True)
        return {name: finish(process, self._server) for name, process in running.items()}


def _first_in_line():
    allowed = subprocess.run(["chrt", "-f", "10", "true"], capture_output=True).returncode == 0
    return ["chrt", "-f", "10"] if allowed else []


_COUNTED = {"connections": "hookswitch_connections_accepted_total", "evicted": "hookswitch_connections_evicted_total",
            "refused": "hookswitch_connections_refused_total",
            "wrong": 'hookswitch_rejected_signatures_total{source="main"}',
            "unseen": 'hookswitch_limited_signatures_total{source="main"}'}


def _one_round(size, server, senders, attack, admin):
    quiet = senders.ask(size.hostile_seconds)
    _forget_peak(server)
    with _under(attack):
        time.sleep(attack.ramp)
        before, started = _counters(admin), time.monotonic()
        attacked = senders.ask(size.hostile_seconds)
        after, seconds = _counters(admin), time.monotonic() - started
        peak = _peak(server)
    _await_quiet(admin)
    return Round(quiet, attacked, peak, {name: (after[name] - before[name]) / seconds for name in _COUNTED} |
                 {"open": after["open"]})


@contextmanager
def _under(attack):
    # Again and again: slowhttptest gives up when the last of its connections is closed.
    again = 'while "$@"; do :; done'
    command = ["taskset", "-c", GENERATOR_CORE, "nice", "-n", "19", "sh", "-c", again, "sh", *attack.command]
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield
            if process.poll() is not None:
                raise SystemExit(f"bench: {attack.label}: the attacker failed")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _counters(admin):
    return {name: metric(admin, counter) for name, counter in _COUNTED.items()} | {
        "open": metric(admin, "hookswitch_connections")}


def _await_quiet(admin):
    give_up = time.monotonic() + 60
    while metric(admin, "hookswitch_connections") > 50:
        if time.monotonic() > give_up:
            raise SystemExit("bench: connections of an attacker that has gone are still there")
        time.sleep(0.1)


def _forget_peak(server):
    with open(f"/proc/{server.process.pid}/clear_refs", "w") as clear:
        clear.write("5")


def _peak(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))


def _row(attack):
    def p99(reports, name):
        return reports[name]["latency_us"]["p99"]

    parts, worst = [], 0
    for name in attack.rounds[0].quiet:
        ratio = median(p99(one.attacked, name) / p99(one.quiet, name) for one in attack.rounds)
        worst = max(worst, ratio)
        quiet, attacked = (median(p99(getattr(one, when), name) for one in attack.rounds)
                           for when in ("quiet", "attacked"))
        parts.append(f"{quiet / 1000:.2f} -> {attacked / 1000:.2f} ms")
    wrong = [text for one in attack.rounds for text in map(faults, one.attacked.values()) if text]
    counted = {name: median(one.counted[name] for one in attack.rounds) for name in attack.rounds[0].counted}
    doings = [f"{counted['open']:,.0f} open"] + [f"{counted[name]:,.0f} {name}/s" for name in _COUNTED if counted[name] >= 1]
    peak = max(one.peak_bytes for one in attack.rounds) / 2**20
    detail = f"{', '.join(parts)}; {', '.join(doings)}; {peak:.0f} MiB" + ("; WRONG: " + "; ".join(wrong) if wrong else "")
    return Row(attack.label, f"{worst:.1f} x", detail=detail, target=f"< {_MOST_RATIO} x",
               met=worst < _MOST_RATIO and not wrong,
               data={"ratio": worst, "counted": counted, "peak_bytes": peak * 2**20,
                     "rounds": [{"quiet": one.quiet, "attacked": one.attacked} for one in attack.rounds]})
