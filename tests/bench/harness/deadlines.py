"""Proof of the deadline: handlers that never answer, and when the fallback went out, while other traffic runs."""
import bodies
from generators import Stream, faults, finish
from servers import Hookswitch, worker_handler
from table import Group, Row

TIMEOUT_MS = 300
_MOST_LATE_MS = 50
_RATE_PER_HANDLER = 100  # 30 at once wait on each: well under the queue of 100, which would answer early
_OTHER_RATE = 2_000

# tool name -> how its handler misbehaves
_HANGING = {"hanging": "reads and never answers", "deaf": "never reads"}


def measure(bench):
    extra = "".join(worker_handler(tool, f"{tool}_worker.py", tool, timeout=f"{TIMEOUT_MS}ms") for tool in _HANGING)
    events = bench.size.deadline_events // len(_HANGING)
    with Hookswitch(bench.directory / "deadlines", bench.binary, extra=extra) as server:
        waiting = {tool: bench.generator.start(server, _stream(bench, tool, "fallback"), connections=128,
                                               rate=_RATE_PER_HANDLER, requests=events, seconds=600,
                                               latencies=bench.directory / f"{tool}.latencies")
                   for tool in _HANGING}
        other = bench.generator.run(server, _stream(bench, "by_reply", "Jan Jansen"), connections=32,
                                    rate=_OTHER_RATE, seconds=events / _RATE_PER_HANDLER)
        reports = {tool: finish(process, server) for tool, process in waiting.items()}
    return Group("deadlines", f"answer time minus the route's timeout of {TIMEOUT_MS} ms", [
        *[_row(bench, tool, how, reports[tool]) for tool, how in _HANGING.items()],
        Row("`reply` traffic meanwhile", f"p50 {other['latency_us']['p50'] / 1000:.2f} ms",
            detail=f"p99 {other['latency_us']['p99'] / 1000:.2f} ms, max {other['latency_us']['max'] / 1000:.1f} ms, "
                   f"{other['per_second']:,.0f}/s {faults(other)}", data=other)])


def _stream(bench, tool, expect):
    body = bench.directory / f"{tool}.body"
    body.write_text(bodies.tool_call(tool))
    return Stream("tool-calls", body, expect)


def _row(bench, tool, how, report):
    lines = (bench.directory / f"{tool}.latencies").read_text().split()
    late = sorted(int(line) / 10_000 - TIMEOUT_MS for line in lines)
    early = sum(1 for value in late if value < -1)
    wrong = faults(report)
    p50, p99, most = late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]
    detail = f"{len(late):,} events, p50 {p50:+.1f} ms, p99 {p99:+.1f} ms"
    if early:
        detail += f", {early} answered more than 1 ms before the timeout"
    if wrong:
        detail += "; WRONG: " + wrong
    return Row(f"handler that {how}", f"max {most:+.1f} ms", detail=detail, target=f"max < {_MOST_LATE_MS} ms",
               met=most < _MOST_LATE_MS and not wrong, data={"late_ms": late, "report": report})
