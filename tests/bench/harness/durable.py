"""What it costs that a 2xx means "on disk": throughput, time to the acknowledgement, bytes, and five million events."""
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from statistics import median

import bodies
from generators import Stream, faults, finish
from prepare import WORK, say
from servers import Hookswitch, Nginx
from table import Group, Row

_NEEDLE = "bench-needle"

# name, title, connections, event, body, least ratio
_WORKLOADS = [
    ("durable status, 64 connections", 64, "status-update", bodies.status_update, 0.45),
    ("durable status, 256 connections", 256, "status-update", bodies.status_update, 0.55),
    ("durable report of 42 KiB, 64 connections", 64, "end-of-call-report", bodies.end_of_call_report, 0.10),
]


@contextmanager
def _daemon(bench, name, keep=False):
    """A daemon with its journal below build/, which is on a disk where /tmp may be in memory."""
    directory = WORK / "journal" / name
    if not keep:
        shutil.rmtree(directory, ignore_errors=True)
    with Hookswitch(directory, bench.binary, journal='retention = "0s"') as server:
        yield server
    if not keep:
        shutil.rmtree(directory, ignore_errors=True)


def _stream(bench, event, make_body):
    file = bench.directory / f"durable-{event}.body"
    file.write_text(make_body())
    return Stream(event, file, expect="{}")


def throughput(bench):
    reports = {name: ([], []) for name, *_ in _WORKLOADS}
    with Nginx(bench.directory / "durable-nginx") as nginx, _daemon(bench, "throughput") as hookswitch:
        for _ in range(bench.size.rounds):
            for name, connections, event, make_body, _ in _WORKLOADS:
                stream = _stream(bench, event, make_body)
                for server, into, expect in ((nginx, reports[name][0], ""), (hookswitch, reports[name][1], "{}")):
                    stream.expect = expect
                    into.append(bench.generator.run(server, stream, connections=connections,
                                                    seconds=bench.size.seconds, warmup=bench.size.warmup))
    rows = []
    for name, _, _, _, least in _WORKLOADS:
        yardstick, ours = reports[name]
        ratio = median(o["per_second"] / n["per_second"] for o, n in zip(ours, yardstick))
        wrong = "; ".join(filter(None, map(faults, ours)))
        rate, nginx_rate = (median(r["per_second"] for r in side) for side in (ours, yardstick))
        p50, p99 = (median(r["latency_us"][key] for r in ours) / 1000 for key in ("p50", "p99"))
        detail = f"nginx {nginx_rate:,.0f}/s; p50 {p50:.2f} ms, p99 {p99:.2f} ms" + (f"; WRONG: {wrong}" if wrong else "")
        rows.append(Row(name, f"{rate:,.0f}/s", ratio, detail, f">= {least}", ratio >= least and not wrong,
                        {"hookswitch": ours, "nginx": yardstick}))
    return Group("durable", "acknowledged once on disk, beside nginx's static 200 at as many connections", rows)


def _fdatasync_ms(directory, size, times=2_000):
    """Milliseconds that each of so many writes took to be on disk, in a file that does not grow."""
    file = directory / "fdatasync"
    taken = []
    with open(file, "wb+", buffering=0) as out:
        out.write(bytes(size * 64))
        os.fsync(out.fileno())
        for n in range(times):
            os.pwrite(out.fileno(), os.urandom(size), n % 64 * size)
            start = time.perf_counter()
            os.fdatasync(out.fileno())
            taken.append((time.perf_counter() - start) * 1000)
    file.unlink()
    return sorted(taken)


def acknowledgement(bench):
    stream = _stream(bench, "status-update", bodies.status_update)
    reports = _stream(bench, "end-of-call-report", bodies.end_of_call_report)
    with _daemon(bench, "acknowledgement") as server:
        idle = _fdatasync_ms(server.directory, 16 << 10)
        most = bench.generator.run(server, stream, connections=64, seconds=bench.size.seconds, warmup=0.5)["per_second"]
        rate, seconds = round(most / 2), bench.size.durable_seconds
        beside = bench.generator.start(server, reports, connections=4, rate=100, seconds=seconds, warmup=0.5)
        seen = bench.generator.run(server, stream, connections=64, rate=rate, seconds=seconds, warmup=0.5)
        large = finish(beside, server)
    at = {key: seen["latency_us"][key] / 1000 for key in ("p50", "p99", "p999", "max")}
    rows = [
        Row("p99 of the acknowledgement", f"{at['p99']:.2f} ms", target="< 5 ms",
            met=at["p99"] < 5 and not faults(seen),
            detail=f"p50 {at['p50']:.2f}, p99.9 {at['p999']:.2f}, max {at['max']:.2f} ms {faults(seen)}", data=seen),
        Row("of the 42 KiB reports among them, 100/s", f"{large['latency_us']['p99'] / 1000:.2f} ms",
            detail=f"p50 {large['latency_us']['p50'] / 1000:.2f} ms {faults(large)}", data=large),
        Row("fdatasync of 16 KiB there, idle: p99", f"{idle[int(len(idle) * 0.99)]:.2f} ms",
            detail=f"p50 {idle[len(idle) // 2]:.2f}, p99.9 {idle[int(len(idle) * 0.999)]:.2f} ms"),
    ]
    return Group("acknowledgement", f"status-update at {rate:,}/s (half of the most) for {seconds:g} s, evenly spaced", rows)


def _bytes_per_event(bench, label, event, make_body, events, connections):
    stream = _stream(bench, event, make_body)
    with _daemon(bench, "bytes", keep=True) as server:
        seen = bench.generator.run(server, stream, connections=connections, requests=events, seconds=600)
    size = sum(file.stat().st_size for file in server.directory.glob("hookswitch.db*"))
    shutil.rmtree(server.directory)
    body = len(make_body().encode())
    return Row(label, f"{size / events:,.0f} B", detail=f"{body:,} B of body and its head as received {faults(seen)}",
               data={"bytes": size, "events": events})


def disk(bench):
    n = bench.size.disk_events
    return Group("disk", "bytes of the journal per event, after a clean stop", [
        _bytes_per_event(bench, "status-update, 64 at a time", "status-update", bodies.status_update, n, 64),
        _bytes_per_event(bench, "status-update, one at a time", "status-update", bodies.status_update, n // 10, 1),
        _bytes_per_event(bench, "report of 42 KiB", "end-of-call-report", bodies.end_of_call_report, n // 10, 64),
    ])


def _fill(bench, events):
    """A journal with so many events, made once by the daemon itself."""
    directory = WORK / "journal" / f"filled-{events}"
    done = directory / "filled"
    if done.exists():
        return
    shutil.rmtree(directory, ignore_errors=True)
    say(f"bench: filling a journal with {events:,} events")
    with _daemon(bench, directory.name, keep=True) as server:
        needle = bench.directory / "needle.body"
        needle.write_text(bodies.status_update().replace("5c4d030f-43e3-4e" + bodies.PLACEHOLDER, _NEEDLE))
        subprocess.run([bench.binary, "send", "--to", f"http://127.0.0.1:{server.port}/webhook", "--secret-file",
                        server.secret_file, needle], check=True, stdout=subprocess.DEVNULL)
        seen = bench.generator.run(server, _stream(bench, "status-update", bodies.status_update), connections=256,
                                   requests=events, seconds=3600)
    if faults(seen):
        raise SystemExit("bench: filling the journal: " + faults(seen))
    done.touch()


def millions(bench):
    events = bench.size.many_events
    _fill(bench, events)
    stream = _stream(bench, "status-update", bodies.status_update)
    full, empty = [], []
    with _daemon(bench, f"filled-{events}", keep=True) as filled, _daemon(bench, "empty") as fresh:
        for _ in range(bench.size.rounds):
            for server, into in ((filled, full), (fresh, empty)):
                into.append(bench.generator.run(server, stream, connections=64, seconds=bench.size.seconds,
                                                warmup=bench.size.warmup))
    ratio = median(f["per_second"] / e["per_second"] for f, e in zip(full, empty))
    journal = filled.directory / "hookswitch.db"
    took = []
    for _ in range(5):
        start = time.perf_counter()
        found = subprocess.run([bench.binary, "events", "list", "--journal", journal, "--call", _NEEDLE, "--json"],
                               stdout=subprocess.PIPE, check=True, text=True).stdout
        took.append((time.perf_counter() - start) * 1000)
    right = [json.loads(line)["call"] for line in found.splitlines()] == [_NEEDLE]
    return Group("millions", f"with {events:,} events in the journal", [
        Row("throughput, to that of an empty one", f"{ratio:.2f}", target=">= 0.95", met=ratio >= 0.95,
            detail=f"{median(f['per_second'] for f in full):,.0f}/s, {journal.stat().st_size / 2**20:,.0f} MiB",
            data={"full": full, "empty": empty}),
        Row("events list --call, the oldest event", f"{median(took):.0f} ms", target="< 100 ms",
            met=median(took) < 100 and right, detail="" if right else "WRONG: not found", data={"ms": took}),
    ])
