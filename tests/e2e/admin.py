"""The test's side of the admin listener."""

import re
import select
import time

from rawhttp import PATIENCE, Connection

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)\Z')
_LABEL = re.compile(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"')


def admin_request(path, method="GET", headers=(), body=b"", host="localhost"):
    lines = [f"{method} {path} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def admin(address, path, method="GET", **more):
    """One request on a connection of its own."""
    with Connection(address) as connection:
        connection.send(admin_request(path, method, **more))
        return connection.response(to_head=method == "HEAD", strict=False)


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


class Metrics:
    """What /metrics said at one moment."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            sample = _SAMPLE.match(line)
            if not sample:
                raise AssertionError(f"no sample: {line!r}")
            labels = frozenset(_LABEL.findall(sample[2] or ""))
            self.samples[sample[1], labels] = float(sample[3])

    def get(self, name, **labels):
        """The value of one sample; None: there is none."""
        return self.samples.get(("hookswitch_" + name, frozenset(labels.items())))

    def sum(self, name, **labels):
        """Of all samples with this name and these labels among theirs."""
        wanted = set(labels.items())
        return sum(value for (n, l), value in self.samples.items() if n == "hookswitch_" + name and wanted <= l)


def scrape(daemon, **more):
    response = admin(daemon.admin, "/metrics", **more)
    if response.status != 200:
        raise AssertionError(f"no metrics: {response}")
    return Metrics(response.body.decode())


def await_metric(daemon, name, value, timeout=PATIENCE, **labels):
    """Scrapes until a sample has this value; for what is counted a moment after its cause can be seen."""
    deadline = time.monotonic() + timeout
    while True:
        metrics = scrape(daemon)
        if metrics.get(name, **labels) == value:
            return metrics
        if time.monotonic() > deadline:
            raise AssertionError(f"{name} {labels} is {metrics.get(name, **labels)}, not {value}")
        select.select([], [], [], 0.01)
