"""Runs the load generator, or wrk, on the other core and returns what it saw."""
import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from servers import GENERATOR_CORE


@dataclass
class Stream:
    """One kind of request: what is sent and what its answer must contain."""

    event: str
    body_file: Path
    expect: str = ""
    scheme: str = "flireo"


class Generator:
    def __init__(self, program):
        self.program = program

    def command(self, server, stream, options):
        options = {"port": server.port, "secret-file": server.secret_file, "body": stream.body_file,
                   "event": stream.event, "scheme": stream.scheme, "expect": stream.expect, **options}
        flags = [str(part) for name, value in options.items() for part in ("--" + name.replace("_", "-"), value)]
        return ["taskset", "-c", GENERATOR_CORE, str(self.program), *flags]

    def start(self, server, stream, **options):
        return subprocess.Popen(self.command(server, stream, options), stdout=subprocess.PIPE, text=True)

    def run(self, server, stream, **options):
        """The generator's report, with `server_busy`, the share of a core that the server used meanwhile."""
        started, cpu = time.monotonic(), server.cpu_seconds()
        report = finish(self.start(server, stream, **options), server)
        report["server_busy"] = (server.cpu_seconds() - cpu) / (time.monotonic() - started)
        return report


def finish(process, server):
    """The report of a generator that was started against `server`."""
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"bench: no load on {server.name}; its log ends with:\n{server.log_tail()}")
    return json.loads(output)


def faults(report):
    """What went wrong in a report, as words for the table; empty when nothing did."""
    kinds = {"not_200": "not 200", "unexpected": "with another answer", "duplicates": "taken for duplicates",
             "lost": "without an answer"}
    return ", ".join(f"{report[key]} {words}" for key, words in kinds.items() if report.get(key))


def run_wrk(server, body_file, connections, seconds, directory):
    """The same figures from wrk with one fixed body, to show that our generator is not the slower one."""
    script = Path(directory) / "wrk.lua"
    script.write_text(f"""
local file = io.open("{body_file}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"
""")
    cpu = server.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", GENERATOR_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "-s", str(script), f"http://127.0.0.1:{server.port}/webhook"],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    return {"per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
            "not_200": int((re.search(r"Non-2xx or 3xx responses: (\d+)", output) or [0, 0])[1]),
            "server_busy": (server.cpu_seconds() - cpu) / seconds}
