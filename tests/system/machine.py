"""A whole Debian, booted in a container: systemd-nspawn where that works, else the tests' own way (private_systemd)."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for part in ("e2e", "service"):
    sys.path.insert(0, str(ROOT / "tests" / part))

from private_systemd import PrivateSystemd, Unavailable  # noqa: E402


# The unit uses it, and systemd-nspawn forbids what it does not know.
LANDLOCK = "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"


class _Machine(PrivateSystemd):
    def __init__(self, tree):
        self._below = (str(tree),)


class Spawned(_Machine):
    """By systemd-nspawn. What it writes goes to memory; it has no network but its own loopback."""

    way = "systemd-nspawn"

    def _command(self, mounts, address):
        # Without a systemd around it there is nobody to register with, and its cgroup is the one that we made.
        alone = [] if Path("/run/systemd/system").is_dir() else ["--keep-unit", "--register=no"]
        return ["TERM", "systemd-nspawn", "--quiet", *alone, f"--directory={self._below[0]}", "--volatile=overlay",
                "--private-network", LANDLOCK, f"--machine=hookswitch-{os.getpid()}", "--console=pipe", "--notify-ready=yes",
                "--boot"], {"NOTIFY_SOCKET": str(address), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}


class Pivoted(_Machine):
    """By private_systemd.sh: namespaces and pivot_root."""

    way = "namespaces of its own"


def boot(stack, tree):
    """Whichever works, entered on the stack, and said. HOOKSWITCH_TEST_WAY=pivot tries the second way only."""
    only_second = os.environ.get("HOOKSWITCH_TEST_WAY") == "pivot" or not shutil.which("systemd-nspawn")
    for kind in [Pivoted] if only_second else [Spawned, Pivoted]:
        try:
            box = stack.enter_context(kind(tree))
        except (Unavailable, AssertionError) as why:
            print(f"system: {tree.name} does not boot in {kind.way}: {why}", flush=True)
        else:
            print(f"system: {tree.name} runs in {kind.way}", flush=True)
            return box
    raise SystemExit("system: no Debian boots here: see above")
