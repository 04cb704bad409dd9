"""Instructions per status-update under callgrind: a run with N events taken from one with 2 N."""
from collections import Counter
from pathlib import PurePath

import bodies
from callgrind import CATEGORIES, REST, category, read_profile
from generators import Stream, faults
from servers import Hookswitch
from table import Group, Row

_MOST_LISTED = 40


def measure(bench):
    count = bench.size.callgrind_events
    once, twice = (_profile(bench, events) for events in (count, 2 * count))
    each = {place: (twice[place] - once[place]) / count for place in twice}
    total = sum(each.values())
    by_category = Counter()
    for place, instructions in each.items():
        by_category[category(place)] += instructions
    rows = [Row("hookswitch, all of it", f"{total:,.0f}", data={"places": _largest(each)})]
    for name in CATEGORIES:
        share = by_category[name] / max(total, 1)
        rows.append(Row(f"  {name}", f"{by_category[name]:,.0f}", detail=f"{share:.0%}{_hint(name, each)}",
                        data={"instructions": by_category[name]}))
    return Group("instructions", f"instructions per 684-byte status-update, user mode, over {count:,} events", rows)


def _profile(bench, events):
    server = Hookswitch(bench.directory / f"callgrind-{events}", bench.binary)
    out = server.directory / "callgrind.out"
    server.wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "-q"]
    body = bench.directory / "callgrind.body"
    body.write_text(bodies.status_update())
    with server:
        report = bench.generator.run(server, Stream("status-update", body, expect="{}"), requests=events, seconds=600,
                                     connections=bench.size.connections)
    if faults(report):
        raise SystemExit(f"bench: under callgrind: {faults(report)}")
    if not out.exists():
        raise SystemExit("bench: callgrind left no profile: " + server.log_tail())
    return read_profile(out)


def _largest(each):
    ranked = sorted(each.items(), key=lambda item: -item[1])[:_MOST_LISTED]
    return [{"instructions": round(instructions, 1), "category": category(place), "object": place[0], "file": place[1],
             "function": place[2]} for place, instructions in ranked]


def _hint(name, each):
    """The three files that cost most within the rest: what to look at first."""
    if name != REST:
        return ""
    files = Counter()
    for place, instructions in each.items():
        if category(place) == REST:
            files[PurePath(place[1] if place[1] not in ("", "???") else place[0]).name] += instructions
    return ": " + ", ".join(f"{file} {instructions:,.0f}" for file, instructions in files.most_common(3))
