"""What a worker process adds to an answer: its route minus a `reply` route, at the same rate, in alternation."""
from statistics import median

import bodies
from generators import Stream, faults
from servers import PYTHON_KIT, Hookswitch, worker_handler
from table import Group, Row

RATE = 2_000
_MOST_P50_US, _MOST_P99_US = 150, 1_000

# tool name -> label; the first is what the others are compared with
_ROUTES = {
    "by_reply": "`reply` handler",
    "by_kit": "Python worker with hookswitch.py",
    "by_bare": "Python worker without the kit",
}


def measure(bench):
    workers = (worker_handler("kit", "kit_worker.py", "by_kit", environment=PYTHON_KIT) +
               worker_handler("bare", "bare_worker.py", "by_bare"))
    reports = {tool: [] for tool in _ROUTES}
    with Hookswitch(bench.directory / "worker", bench.binary, extra=workers) as server:
        for _ in range(bench.size.rounds):
            for tool in _ROUTES:
                body = bench.directory / f"{tool}.body"
                body.write_text(bodies.tool_call(tool))
                # Spinning, so that waking up the generator is not part of what is compared.
                reports[tool].append(bench.generator.run(
                    server, Stream("tool-calls", body, expect="Jan Jansen"), connections=64, rate=RATE,
                    seconds=bench.size.worker_seconds, warmup=0.5, spin="yes"))
    rows = [_absolute(label, reports[tool]) for tool, label in _ROUTES.items()]
    first, *others = _ROUTES
    for tool in others:
        rows += _added(_ROUTES[tool], reports[first], reports[tool])
    return Group("worker", f"tool call at {RATE:,}/s, evenly spaced (open loop), one worker process", rows)


def _absolute(label, reports):
    p50, p99, most = (median(report["latency_us"][key] for report in reports) for key in ("p50", "p99", "max"))
    wrong = [text for text in map(faults, reports) if text]
    detail = f"p99 {p99:.0f} us, max {most:.0f} us" + ("; WRONG: " + "; ".join(wrong) if wrong else "")
    return Row(label, f"p50 {p50:.0f} us", detail=detail, data={"reports": reports})


def _added(label, base, other):
    rows = []
    for key, most in (("p50", _MOST_P50_US), ("p99", _MOST_P99_US)):
        added = [theirs["latency_us"][key] - ours["latency_us"][key] for ours, theirs in zip(base, other)]
        fine = median(added) < most and not any(map(faults, other))
        rows.append(Row(f"{label}: added {key}", f"{median(added):.0f} us", target=f"< {most} us", met=fine,
                        detail=f"{min(added):.0f} to {max(added):.0f} us", data={"added_us": added}))
    return rows
