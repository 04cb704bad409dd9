"""Hookswitch as a service in a private systemd: the binary, the shipped units, their user and a secret."""

import shutil

from proxies import ROOT  # and the path to the end-to-end tests' modules

from deliveries import SECRET
from support import BINARY

# What differs from the shipped unit: the private systemd has no machine around it to wait for, a test has no
# ten seconds for the watchdog, and the leak sanitizer would have to trace its own process.
DROP_IN = """
[Unit]
DefaultDependencies=no
[Service]
WatchdogSec=2s
TimeoutAbortSec=1s
Environment=ASAN_OPTIONS=detect_leaks=0
"""


def install(systemd, files):
    """`files` is what else there is in /etc/hookswitch, by name."""
    shutil.copy(BINARY, systemd.path("/usr/bin/hookswitch"))
    for name in ("service", "socket"):
        unit = f"hookswitch.{name}"
        shutil.copy(ROOT / "systemd" / unit, systemd.path(f"/etc/systemd/system/{unit}"))
        drop_in = systemd.path(f"/run/systemd/system/{unit}.d")
        drop_in.mkdir()
        (drop_in / "test.conf").write_text(DROP_IN if name == "service" else DROP_IN.partition("[Service]")[0])
    users = systemd.path("/usr/lib/sysusers.d/hookswitch.conf")
    shutil.copy(ROOT / "systemd" / "hookswitch.sysusers", users)
    systemd.run("systemd-sysusers", "hookswitch.conf")
    etc = systemd.path("/etc/hookswitch")
    etc.mkdir(mode=0o755, exist_ok=True)
    kits = {name: (ROOT / "handlers" / name).read_text() for name in ("python/hookswitch.py", "node/hookswitch.mjs")}
    for name, content in {**kits, "webhook-secret": SECRET, **files}.items():
        path = etc / name.rpartition("/")[2]
        path.write_text(content)
        path.chmod(0o600 if name == "webhook-secret" else 0o644)
    systemd.systemctl("daemon-reload")
