"""The round trip of each kind of handler, through the daemon: the same tool call, answered by all of them."""
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

import bodies
import prepare
from generators import Stream, faults
from servers import PYTHON_KIT, Server, Hookswitch, worker_handler, handler
from table import Group, Row

CROWD = 16  # connections of the second measurement, each with one request out
_NODE_KIT = {"KIT": str(prepare.ROOT / "handlers" / "node" / "hookswitch.mjs")}


class StaticService(Server):
    """nginx with one fixed answer, on a TCP port and a Unix socket: what HTTP adds, without the work of a service."""

    name = "nginx"

    @property
    def socket(self):
        return self.directory / "service.sock"

    def command(self):
        (self.directory / "nginx.conf").write_text(f"""
daemon off;
worker_processes 1;
pid {self.directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {self.directory}/body;
    keepalive_requests 1000000000;
    default_type application/json;
    server {{
        listen 127.0.0.1:{self.port};
        listen unix:{self.socket};
        location / {{ return 200 '{{"reply":{{"result":{{"name":"Jan Jansen"}}}}}}'; }}
    }}
}}
""")
        return ["nginx", "-p", self.directory, "-c", self.directory / "nginx.conf"]


class NodeService(Server):
    name = "node"

    def command(self):
        return ["node", prepare.BENCH / "peers" / "service.mjs", self.port]


@dataclass
class Kind:
    name: str
    label: str
    configuration: str
    alone: list = field(default_factory=list)  # reports
    crowd: list = field(default_factory=list)

    @property
    def tool(self):
        return f"by_{self.name}"


def _kinds(static, node):
    def kind(name, label, **settings):
        return Kind(name, label, handler(name, f"by_{name}", **settings))

    def worker(name, label, *command, **settings):
        return kind(name, label, type="worker", command=command, concurrency=CROWD, **settings)

    def http(name, label, url):
        return kind(name, label, type="http", url=url)

    def program(name, label, *command):
        return kind(name, label, type="exec", command=command)

    bare = str(prepare.c_program("worker"))
    kinds = [
        Kind("reply", "reply", ""),  # the daemon's configuration here has it already
        worker("c", "worker, C", bare),
        worker("python", "worker, Python", "python3", "bare_worker.py"),
        worker("kit", "worker, Python with hookswitch.py", "python3", "kit_worker.py", environment=PYTHON_KIT),
        worker("node_kit", "worker, Node with hookswitch.mjs", "node", "kit_worker.mjs", environment=_NODE_KIT),
        http("unix", "http, nginx on a Unix socket", f"unix:{static.socket}"),
        http("tcp", "http, nginx over TCP", f"http://127.0.0.1:{static.port}/"),
        http("node", "http, Node over TCP", f"http://127.0.0.1:{node.port}/"),
        program("exec_c", "exec, C", bare, "--once"),
        program("exec_sh", "exec, sh", "./one_shot.sh"),
        program("exec_python", "exec, Python", "python3", "one_shot.py"),
    ]
    kinds.insert(1, kind("plugin", "plugin, C", type="plugin", library=str(prepare.plugin())))
    return kinds


def measure(bench):
    with ExitStack() as until:
        static = until.enter_context(StaticService(bench.directory / "static"))
        node = until.enter_context(NodeService(bench.directory / "node"))
        kinds = _kinds(static, node)
        configuration = "".join(kind.configuration for kind in kinds)
        server = until.enter_context(Hookswitch(bench.directory / "kinds", bench.binary, extra=configuration))
        for _ in range(bench.size.rounds):
            for kind in kinds:
                _one_round(bench, server, kind)
    return Group("handlers", f"tool call answered by each kind of handler: one at a time, then {CROWD} at once",
                 [_row(kind, kinds[0]) for kind in kinds])


def _one_round(bench, server, kind):
    body = bench.directory / f"{kind.tool}.body"
    body.write_text(bodies.tool_call(kind.tool))
    stream = Stream("tool-calls", body, expect="Jan Jansen")

    def load(connections):
        # Spinning, so that waking up the generator is not part of what is compared.
        return bench.generator.run(server, stream, connections=connections, seconds=bench.size.kind_seconds,
                                   warmup=bench.size.warmup, spin="yes")

    kind.alone.append(load(1))
    kind.crowd.append(load(CROWD))


def _row(kind, base):
    def middle(reports, key):
        return median(report["latency_us"][key] for report in reports)

    added = median(own["latency_us"]["p50"] - plain["latency_us"]["p50"]
                   for own, plain in zip(kind.alone, base.alone))
    rate = median(report["per_second"] for report in kind.crowd)
    wrong = [text for text in map(faults, kind.alone + kind.crowd) if text]
    detail = (f"p99 {_time(middle(kind.alone, 'p99'))}" + (f", the handler {_time(added)}" if kind is not base else "") +
              f"; {CROWD} at once: {rate:,.0f}/s, p50 {_time(middle(kind.crowd, 'p50'))}, "
              f"p99 {_time(middle(kind.crowd, 'p99'))}" + ("; WRONG: " + "; ".join(wrong) if wrong else ""))
    return Row(kind.label, f"p50 {_time(middle(kind.alone, 'p50'))}", detail=detail,
               data={"alone": kind.alone, "crowd": kind.crowd, "added_us": added, "per_second": rate})


def _time(us):
    return f"{us:.0f} us" if us < 1_000 else f"{us / 1_000:.1f} ms"
