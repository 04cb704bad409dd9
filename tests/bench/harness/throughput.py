"""Requests per second of every server under the same bodies, alternating, beside nginx's static 200."""
import hashlib
import timeit
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

import bodies
from generators import Stream, faults, run_wrk
from prepare import say
from servers import Express, Hookswitch, Nginx, Webhook
from table import Group, Row


@dataclass
class Contender:
    label: str
    server: str
    expect: str = ""
    scheme: str = "flireo"
    by_wrk: bool = False
    least_ratio: float = None
    reports: list = field(default_factory=list)


@dataclass
class Workload:
    name: str
    title: str
    event: str
    body: str
    contenders: list


def _workloads():
    def beside_nginx(*others):
        return [Contender("nginx, static 200", "nginx"),
                Contender("nginx, static 200, driven by wrk", "nginx", by_wrk=True), *others]

    def peers():
        return [Contender("Node Express, HMAC + JSON.parse", "express", expect="{}"),
                Contender("Debian's webhook, HMAC + /bin/true", "webhook", scheme="body")]

    return [
        Workload("status", "signed status-update of 684 bytes", "status-update", bodies.status_update(), beside_nginx(
            Contender("hookswitch", "hookswitch", expect="{}", least_ratio=0.9),
            Contender("hookswitch, log level info to a file", "hookswitch-info", expect="{}"), *peers())),
        Workload("report", "signed end-of-call-report of 42 KiB", "end-of-call-report", bodies.end_of_call_report(),
                 beside_nginx(Contender("hookswitch", "hookswitch", expect="{}", least_ratio=0.35), *peers())),
        Workload("tool", "tool call answered by a `reply` handler", "tool-calls", bodies.tool_call("by_reply"),
                 beside_nginx(Contender("hookswitch", "hookswitch", expect="Jan Jansen", least_ratio=0.6),
                              Contender("Node Express, HMAC + JSON.parse", "express", expect="Jan Jansen"))),
    ]


def _start_servers(names, bench, until):
    """Server by name; each is stopped when the ExitStack `until` is left, also if a later one does not start."""
    makers = {
        "nginx": lambda at: Nginx(at),
        "hookswitch": lambda at: Hookswitch(at, bench.binary),
        "hookswitch-info": lambda at: Hookswitch(at, bench.binary, level="info"),
        "express": lambda at: Express(at, bench.express),
        "webhook": lambda at: Webhook(at),
    }
    return {name: until.enter_context(makers[name](bench.directory / "throughput" / name)) for name in names}


def _one_round(bench, server, workload, contender, body_file):
    if contender.by_wrk:
        return run_wrk(server, body_file, bench.size.connections, max(1, round(bench.size.seconds)), bench.directory)
    stream = Stream(workload.event, body_file, contender.expect, contender.scheme)
    return bench.generator.run(server, stream, connections=bench.size.connections,
                               seconds=bench.size.seconds, warmup=bench.size.warmup)


def _detail(contender, reports):
    server_busy = median(report["server_busy"] for report in reports)
    if contender.by_wrk:
        return f"server busy {server_busy:.0%}"
    busy = median(report["busy"] for report in reports)
    p50, p99 = (median(report["latency_us"][key] for report in reports) / 1000 for key in ("p50", "p99"))
    detail = f"server busy {server_busy:.0%}, generator {busy:.0%}; p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    if busy > 0.97 and server_busy < 0.95:
        detail += "; bound by the generator: the server can do more"
    return detail


def _row(contender, yardstick):
    reports = contender.reports
    rates = [report["per_second"] for report in reports]
    ratios = [rate / nginx["per_second"] for rate, nginx in zip(rates, yardstick)]
    ratio = median(ratios)
    wrong = [text for text in map(faults, reports) if text]
    detail = _detail(contender, reports) + ("; WRONG: " + "; ".join(wrong) if wrong else "")
    target = "" if contender.least_ratio is None else f">= {contender.least_ratio}"
    met = None if contender.least_ratio is None else ratio >= contender.least_ratio and not wrong
    return Row(contender.label, f"{median(rates):,.0f}/s", ratio, detail, target, met,
               {"per_second": rates, "ratios": ratios, "reports": reports})


def _hash_row(workload, yardstick):
    """How near to nginx a receiver could come that adds nothing but hashing the body."""
    body, repeat = workload.body.encode(), 2_000

    def seconds(data):
        return min(timeit.repeat(lambda: hashlib.sha256(data).digest(), number=repeat, repeat=5)) / repeat

    hashing = seconds(body) - seconds(b"")
    serving = 1 / median(report["per_second"] for report in yardstick)
    return Row("nginx plus SHA-256 of the body (computed)", f"{1 / (serving + hashing):,.0f}/s",
               serving / (serving + hashing), f"{serving * 1e6:.1f} us + {hashing * 1e6:.1f} us: a bound",
               data={"serving_seconds": serving, "hashing_seconds": hashing})


def _rows(workload):
    yardstick = workload.contenders[0].reports
    rows = [_row(contender, yardstick) for contender in workload.contenders]
    rows.insert(2, _hash_row(workload, yardstick))
    return rows


def measure(bench, names):
    """One group of rows for each of the named workloads."""
    workloads = [workload for workload in _workloads() if workload.name in names]
    needed = {contender.server for workload in workloads for contender in workload.contenders}
    with ExitStack() as until:
        running = _start_servers(sorted(needed), bench, until)
        for number in range(bench.size.rounds):
            say(f"bench: throughput, round {number + 1} of {bench.size.rounds}")
            for workload in workloads:
                body_file = bench.directory / f"{workload.name}.body"
                body_file.write_text(workload.body)
                for contender in workload.contenders:
                    report = _one_round(bench, running[contender.server], workload, contender, body_file)
                    contender.reports.append(report)
        groups = [Group(workload.name, f"{workload.title}, {bench.size.connections} connections", _rows(workload))
                  for workload in workloads]
        return groups + [_memory_after(running["hookswitch"], workloads)]


def disturbance(groups):
    """A warning for the table when other work took the cores, so that the figures say little; else None."""
    # nginx under closed-loop load has its core to itself, or somebody else has part of it.
    yardsticks = [group.rows[0].data["reports"] for group in groups if "reports" in group.rows[0].data]
    least = min((report["server_busy"] for reports in yardsticks for report in reports), default=1)
    if least >= 0.9:
        return None
    return f"DISTURBED: nginx at full load got only {least:.0%} of its core in a round; run again on a quiet machine."


def _memory_after(server, workloads):
    """What the distinct events of the rounds left behind: the duplicate window remembers them."""
    events = sum(report["requests"] for workload in workloads for contender in workload.contenders
                 if contender.server == "hookswitch" for report in contender.reports)
    resident = server.resident_bytes()
    return Group("resident", "memory after the rounds above", [
        Row(f"hookswitch, {events:,} distinct events", f"{resident / 2**20:.0f} MiB",
            detail=f"{resident / max(events, 1):.0f} bytes for each, most of it the duplicate window",
            data={"events": events, "bytes": resident})])
