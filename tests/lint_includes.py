#!/usr/bin/env python3
"""Checks that the rings stay rings: an include points to the same ring or inwards, and the core stays pure.

    core (daemon/core)  <  io (daemon/io)  <  handlers (handlers)  <  daemon (daemon)

The linker finds only what is not inline; this finds the rest. Usage: lint_includes.py FILE...
"""
import re
import sys

RINGS = ("daemon/core/", "daemon/io/", "handlers/", "daemon/")  # innermost first; the first that fits counts

# What the core must do without: whatever waits, stores, starts threads or reads configuration.
IMPURE = re.compile(r"boost/(asio|beast)|sqlite3|spdlog/|toml\+\+/|thread>|mutex>|future>|condition_variable>")
CLOCK = re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)::now\b|\b(clock_)?gettime(ofday)?\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")', re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)


def ring_of(path):
    """The number of a path's ring, None outside of all (tests, the standard library)."""
    return next((number for number, prefix in enumerate(RINGS) if path.startswith(prefix)), None)


def faults(path, code):
    """Yields (line, what is wrong)."""
    ring = ring_of(path)
    if ring is None:
        return
    line_of = lambda match: code.count("\n", 0, match.start(1 if match.re is INCLUDE else 0)) + 1
    for include in INCLUDE.finditer(code):
        name = include[1]
        target = ring_of(name[1:-1])
        if name.startswith('"') and target is None:
            yield line_of(include), f"{name}: write the path from the project's root"
        elif target is not None and target > ring:
            yield line_of(include), f"{name}: points outwards, from {RINGS[ring]} to {RINGS[target]}"
        elif ring == 0 and IMPURE.search(name[1:]):
            yield line_of(include), f"{name}: the core is pure"
    if ring == 0:
        for use in CLOCK.finditer(code):
            yield line_of(use), f"{use[0]}: the core is told the time"


def main(paths):
    found = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            code = COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), file.read())
        for line, what in faults(path.removeprefix("./"), code):
            print(f"{path}:{line}: {what}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
