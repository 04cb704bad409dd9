"""Command line of the benchmark: which figures, how long, and where the result goes."""
import argparse
import os
import resource
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import deadlines
import durable
import handler_kinds
import hostile
import idle_memory
import instructions
import prepare
import startup
import steering
import throughput
import worker_latency
from generators import Generator
from table import print_table, write_json

THROUGHPUT = ["status", "report", "tool"]
FIGURES = {  # name -> function(bench) -> Group; a new figure is a module with such a function and a line here
    "worker": worker_latency.measure,
    "handlers": handler_kinds.measure,
    "memory": idle_memory.measure,
    "start": startup.measure,
    "instructions": instructions.measure,
    "deadlines": deadlines.measure,
    "durable": durable.throughput,
    "acknowledgement": durable.acknowledgement,
    "disk": durable.disk,
    "millions": durable.millions,
    "control": steering.control,
    "calls": steering.calls,
    "registry": steering.registry,
    "hostile": hostile.measure,
}


NOTES = [
    "Server on core 0 with one thread (nginx: one worker), load on core 1, loopback TCP, keep-alive, HTTP/1.1. Servers",
    "take turns in every round; a value is the median of the rounds, `to nginx` the median of each round's own ratio.",
    "Every request has a body of its own and a fresh signature, so no duplicate check shortens the work; dedupe_window",
    "is at its default. hookswitch logs at warn unless a row says otherwise, nginx has access_log off, Node runs with",
    "NODE_ENV=production. Debian's webhook checks an HMAC of the body without a timestamp and waits for /bin/true.",
    "`busy`: share of its core that the process used; a server below its full core was not the bound.",
    "Workers, programs and the services behind `http` share the server's core; `exec` starts a process for each event.",
    "Memory is that of the process, without the kernel's socket buffers; nginx allocates its table of connections (some",
    "0.4 KiB each) at its start, which the difference does not show.",
    "Journals are below build/, on the file system of the checkout. `millions` fills one of five million events there,",
    "once, and keeps it (a minute, 1 GiB).",
    "callgrind counts no kernel instructions and offers no SHA extensions: HMAC is dearer there than on the machine.",
]


@dataclass
class Size:
    """How much is measured; --quick is for finding faults in the harness, not for figures."""

    connections: int = 64
    rounds: int = 5
    seconds: float = 2
    warmup: float = 0.3
    starts: int = 20
    idle_connections: int = 10_000
    callgrind_events: int = 4_000
    deadline_events: int = 2_000
    worker_seconds: float = 3
    kind_seconds: float = 2
    durable_seconds: float = 60
    disk_events: int = 100_000
    many_events: int = 5_000_000
    held_calls: int = 15_000
    live_calls: int = 10_000
    registry_calls: int = 1_000_000
    hostile_rounds: int = 3
    hostile_seconds: float = 6
    slow_connections: int = 4_000
    halves: int = 300


QUICK = Size(rounds=2, seconds=0.6, warmup=0.1, starts=5, idle_connections=2_000, callgrind_events=400,
             deadline_events=400, worker_seconds=1, kind_seconds=0.5, durable_seconds=3, disk_events=5_000, many_events=50_000, held_calls=3_000,
             live_calls=1_000, registry_calls=100_000, hostile_rounds=1, hostile_seconds=1, slow_connections=500,
             halves=150)


@dataclass
class Bench:
    """What every figure is given."""

    size: Size
    binary: Path
    express: Path
    generator: Generator
    directory: Path  # for this run only


def _arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=(
        "Measures Hookswitch next to its peers in one run and prints one table. Takes a few minutes."))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a trial of the harness")
    parser.add_argument("--only", action="append", choices=[*THROUGHPUT, *FIGURES], metavar="NAME",
                        help="only this figure, may be repeated: " + ", ".join([*THROUGHPUT, *FIGURES]))
    parser.add_argument("--json", metavar="FILE", help="also write every number to FILE")
    parser.add_argument("--binary", metavar="FILE", help="the hookswitch to measure (default: the release preset's)")
    return parser.parse_args()


def _allow_many_files():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{os.cpu_count()} cores of {model}, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f} at the start"


def main():
    arguments = _arguments()
    if os.cpu_count() < 2:
        raise SystemExit("bench: needs two cores, one for the server and one for the load")
    _allow_many_files()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the blocks that stop the servers
    machine = _machine()
    made = prepare.everything(arguments.binary)
    wanted = arguments.only or [*THROUGHPUT, *FIGURES]
    with tempfile.TemporaryDirectory(prefix="hookswitch-bench-") as directory:
        os.chmod(directory, 0o755)  # nginx's worker runs as another user
        bench = Bench(QUICK if arguments.quick else Size(), made["hookswitch"], made["express"],
                      Generator(made["load"]), Path(directory))
        groups = throughput.measure(bench, wanted) if set(wanted) & set(THROUGHPUT) else []
        disturbed = throughput.disturbance(groups)
        for name in wanted:
            if name in FIGURES:
                prepare.say(f"bench: {name}")
                groups.append(FIGURES[name](bench))
    notes = [disturbed] * bool(disturbed) + NOTES
    print_table(groups, [machine, *notes])
    if arguments.json:
        write_json(arguments.json, groups, notes, machine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
