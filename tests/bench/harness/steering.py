"""Commands for running calls over TLS, ten thousand calls at once, and what a call costs in the registry."""
import http.client
import json
import re
import shutil
import ssl
import subprocess
import time
from contextlib import contextmanager
from statistics import median

from generators import GENERATOR_CORE
from prepare import BENCH, ROOT, WORK, build, say
from servers import PYTHON_KIT, Hookswitch, free_port, worker_handler
from table import Group, Row

KEY = "fl_test_bench"
_NO_LIMIT = 1_000_000_000


class Platform:
    """`hookswitch simulate` on the generator's core, with calls played at `server`."""

    def __init__(self, bench, directory, server, scenario, *options, port=None):
        self.port, self._ca = port, directory / "ca.pem"
        command = ["taskset", "-c", GENERATOR_CORE, bench.binary, "simulate", "--to",
                   f"http://127.0.0.1:{server.port}/webhook", "--secret-file", server.secret_file,
                   "--scenario", BENCH / "peers" / scenario, "--era", "late", "--json", *options]
        if port:
            command += ["--listen", f"127.0.0.1:{port}", "--tls", "--tls-ca", self._ca,
                        "--api-key-file", directory / "api-key"]
        (directory / "api-key").write_text(KEY)
        self._log = directory / "platform.log"
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=log)

    def wait_until_it_listens(self):
        while "listening" not in self._log.read_text():
            if self.process.poll() is not None:
                raise SystemExit(f"bench: the local platform does not start: {self._log.read_text()}")
            time.sleep(0.02)

    def call_ids(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port,
                                                 context=ssl.create_default_context(cafile=self._ca))
        ids, total = [], 1
        while len(ids) < total:
            connection.request("GET", f"/api/v1/calls?limit=1000&offset={len(ids)}",
                               headers={"Authorization": f"Bearer {KEY}"})
            page = json.loads(connection.getresponse().read())
            ids += [call["id"] for call in page["calls"]]
            total = page["pagination"]["total"]
        return ids

    def summary(self):
        return json.loads(self.process.communicate()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def metric(admin_port, name):
    connection = http.client.HTTPConnection("127.0.0.1", admin_port)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)} (\S+)$", text, re.M))


def _await_calls(admin_port, count, why):
    give_up = time.monotonic() + 300
    while metric(admin_port, 'hookswitch_calls{state="in-progress"}') < count:
        if time.monotonic() > give_up:
            raise SystemExit(f"bench: {why}: not {count} calls in time")
        time.sleep(0.2)


def admin_section(port):
    return f'\n[admin]\nlisten = "127.0.0.1:{port}"\n'


# ---- commands for calls over TLS


def _wrk(directory, name, base, ids, connections, seconds, token=""):
    """POSTs of a `say` to BASE/calls/ID/control, each to the next call, for so many seconds."""
    script = directory / f"{name}.lua"
    origin, path = re.match(r"(\w+://[^/]+)(.*)", base).groups()
    (directory / f"{name}.ids").write_text("\n".join(ids))
    script.write_text(f"""
local ids, at, wrong = {{}}, 0, 0
for id in io.lines("{directory}/{name}.ids") do ids[#ids + 1] = id end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
local body = '{{"type":"say","content":"One moment, I am looking it up.","end_after":false}}'
function request()
    at = at % #ids + 1
    return wrk.format(nil, "{path}/calls/" .. ids[at] .. "/control", nil, body)
end
function done(summary, latency, requests)
    io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
        summary.errors.status + summary.errors.read + summary.errors.timeout, latency:percentile(50),
        latency:percentile(99)))
end
""")
    output = subprocess.run(["taskset", "-c", GENERATOR_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                             "--timeout", "35s", "-s", str(script), origin],
                            capture_output=True, text=True, check=True).stdout
    requests, micros, errors, p50, p99 = map(int, re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output).groups())
    return {"per_second": requests / (micros / 1e6), "errors": errors, "p50_us": p50, "p99_us": p99}


@contextmanager
def _held_calls(bench, count):
    """A daemon with a platform that has so many running calls; gives admin port, platform and their ids."""
    directory = WORK / "journal" / "control"
    shutil.rmtree(directory, ignore_errors=True)
    admin, rest = free_port(), free_port()
    platform = f'\n[platform]\nbase_url = "https://127.0.0.1:{rest}/api/v1"\napi_key_file = "api-key"\nca_file = "ca.pem"\n'
    directory.mkdir(parents=True)
    (directory / "api-key").write_text(KEY)
    _certificate(directory)
    with Hookswitch(directory, bench.binary, journal='retention = "0s"', extra=admin_section(admin) + platform) as server:
        options = ["--calls", count, "--concurrent", count, "--rate", 2000, "--key-limit", _NO_LIMIT,
                   "--call-limit", _NO_LIMIT, "--tls-cert", directory / "ca.pem", "--tls-key", directory / "key.pem"]
        with Platform(bench, directory, server, "hold.toml", *options, port=rest) as local:
            local.wait_until_it_listens()
            _await_calls(admin, count, "control")
            yield admin, local, local.call_ids(), server
    shutil.rmtree(directory, ignore_errors=True)


def _certificate(directory):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", str(directory / "key.pem"), "-out", str(directory / "ca.pem")],
                   check=True, capture_output=True)


def control(bench):
    size = bench.size
    with _held_calls(bench, size.held_calls) as (admin, local, ids, server):
        here, there = f"http://127.0.0.1:{admin}/v1", f"https://127.0.0.1:{local.port}/api/v1"
        directory, seconds = server.directory, max(1, round(size.seconds))
        third = len(ids) // 3  # no call gets more than ten in a minute
        _wrk(directory, "warm", here, ids[:third], 1, 1)
        daemon, direct = [], []
        for _ in range(3):  # taking turns
            daemon.append(_wrk(directory, "one", here, ids[:third], 1, seconds))
            direct.append(_wrk(directory, "direct", there, ids[:third], 1, seconds, KEY))
        before, cpu = time.monotonic(), server.cpu_seconds()
        many = _wrk(directory, "many", here, ids[third:], 30, 2 * seconds)
        busy = (server.cpu_seconds() - cpu) / (time.monotonic() - before)
    wrong = many["errors"] + sum(run["errors"] for run in daemon + direct)
    fault = f"; WRONG: {wrong} errors" if wrong else ""
    rows = [Row("commands over TLS, 30 at once", f"{many['per_second']:,.0f}/s",
                detail=f"p50 {many['p50_us'] / 1000:.2f} ms, p99 {many['p99_us'] / 1000:.2f} ms, daemon busy "
                       f"{busy:.0%} of its core, the platform shares the other with wrk{fault}", data=many)]
    for key in ("p50_us", "p99_us"):
        through, alone = (median(run[key] for run in runs) for runs in (daemon, direct))
        rows.append(Row(f"one at a time: added {key[:3]}", f"{(through - alone) / 1000:.2f} ms",
                        detail=f"{through / 1000:.2f} ms through the daemon and its journal, {alone / 1000:.2f} ms "
                               "of the platform alone", data={"daemon": daemon, "direct": direct}))
    return Group("control", "POST /v1/calls/ID/control of the daemon to the local platform over TLS", rows)


# ---- ten thousand calls at once


def calls(bench):
    directory = WORK / "journal" / "calls"
    shutil.rmtree(directory, ignore_errors=True)
    count, admin = bench.size.live_calls, free_port()
    worker = worker_handler("kit", "kit_worker.py", "by_kit", timeout="9s", environment=PYTHON_KIT)
    with Hookswitch(directory, bench.binary, journal='retention = "0s"', extra=admin_section(admin) + worker) as server:
        empty = server.resident_bytes()
        options = ["--calls", 3 * count, "--concurrent", count, "--rate", count / 40, "--compare"]
        with Platform(bench, directory, server, "load.toml", *options) as local:
            _await_calls(admin, 0.98 * count, "calls")
            grown = server.resident_bytes() - empty
            summary = local.summary()
    shutil.rmtree(directory, ignore_errors=True)
    events, done = summary["events"], summary["calls"]
    late = sum(event["late"] + event["failed"] + event["refused"] for event in events.values())
    rows = [Row(f"{count:,} calls at once, {3 * count:,} in all", f"{done['per_second']:.0f}/s",
                detail=f"{sum(e['sent'] for e in events.values()):,} deliveries, {late} late or failed, "
                       f"{summary['compare']['different']} not as expected",
                target="none late", met=late == 0 and summary["ok"], data=summary)]
    for name in ("assistant-request", "tool-calls"):
        ms = events[name]["latency_ms"]
        rows.append(Row(f"{name}: time to the answer", f"p50 {ms['p50']:.2f} ms",
                        detail=f"p99 {ms['p99']:.2f}, p99.9 {ms['p99.9']:.2f}, max {ms['max']:.1f} ms"))
    rows.append(Row("daemon's memory per live call", f"{grown / count:,.0f} B",
                    detail=f"{empty / 2**20:.1f} MiB before the first, {(empty + grown) / 2**20:.1f} MiB with all"))
    return Group("calls", "whole calls of 40 s through daemon, journal and a Python worker, at the rate that keeps so "
                 "many live", rows)


# ---- the registry


def registry(bench):
    program = build("registry_bench", "tests/registry_bench")
    say("bench: a million calls")
    output = subprocess.run(["taskset", "-c", "0", program, str(bench.size.registry_calls)], capture_output=True,
                            text=True, check=True).stdout
    heap, resident, add, known = map(int, re.search(
        r"(\d+) bytes each of heap, (\d+) resident; (\d+) ns to add one\n(\d+) ns for an event", output).groups())
    rows = [Row("bytes per call", f"{heap} B", detail=f"of heap; {resident} B resident"),
            Row("an event of a known call", f"{known} ns", detail=f"{add} ns of a new one")]
    return Group("registry", f"{bench.size.registry_calls:,} calls in the registry", rows)
