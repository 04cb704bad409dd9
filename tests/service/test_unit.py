"""The unit files, read: what systemd-analyze says of them, and what must not get lost in an edit."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "systemd" / "hookswitch.service"
SOCKET = ROOT / "systemd" / "hookswitch.socket"


def directives(path):
    """{"Section.Name": [values]} of a unit file."""
    found, section = {}, None
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in "#;":
            name, _, value = line.partition("=")
            found.setdefault(f"{section}.{name}", []).append(value)
    return found


def analyze(*arguments):
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Unit(unittest.TestCase):
    def test_exposure_is_low(self):
        said = analyze("security", "--offline=true", SERVICE).stdout
        exposure = float(re.search(r"Overall exposure level for hookswitch.service: ([0-9.]+)", said)[1])
        self.assertLessEqual(exposure, 1.5, said)

    def test_systemd_finds_no_fault(self):
        with tempfile.TemporaryDirectory(prefix="hs-unit-") as name:
            # It also looks whether the program is there.
            for unit in (SERVICE, SOCKET):
                Path(name, unit.name).write_text(unit.read_text().replace("/usr/bin/hookswitch", shutil.which("true")))
            done = analyze("verify", "--man=no", Path(name, SERVICE.name), Path(name, SOCKET.name))
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_service_keeps_what_it_promises(self):
        unit = directives(SERVICE)
        for name, value, why in (
            ("Type", "notify", "READY=1 says when calls can be answered"),
            ("NotifyAccess", "main", "a worker cannot speak for the daemon"),
            ("KillMode", "mixed", "workers outlive SIGTERM until the drain is over"),
            ("OOMPolicy", "continue", "a killed worker is replaced, not the end of the service"),
            ("Restart", "on-failure", "a crash is not the end of the service"),
            ("User", "hookswitch", "the one that hookswitch.sysusers makes"),
            ("StateDirectory", "hookswitch", "the one place to write to"),
            ("RuntimeDirectory", "hookswitch", "Unix sockets"),
            ("ConfigurationDirectory", "hookswitch", "where the configuration is"),
            ("LoadCredential", "webhook-secret:/etc/hookswitch/webhook-secret", "secrets stay with root"),
            ("UMask", "0077", "nothing of ours is for others"),
            ("LimitCORE", "0", "a core dump holds secrets"),
        ):
            with self.subTest(directive=name, why=why):
                self.assertEqual(unit.get(f"Service.{name}"), [value])
        self.assertIn("/bin/kill -HUP $MAINPID", unit["Service.ExecReload"])
        self.assertNotIn("Service.MemoryDenyWriteExecute", unit)  # Node could not run
        self.assertNotIn("Service.PrivateNetwork", unit)

    def test_limits_fit_the_daemon(self):
        unit = directives(SERVICE)
        seconds = lambda name: int(unit[f"Service.{name}"][0].removesuffix("s"))
        drain_timeout, max_connections = 20, 10_000  # the daemon's defaults
        self.assertGreaterEqual(seconds("TimeoutStopSec"), drain_timeout + 5)
        self.assertGreater(int(unit["Service.LimitNOFILE"][0]), max_connections + 1000)
        self.assertGreater(seconds("WatchdogSec"), 0)
        self.assertEqual(unit["Unit.StartLimitIntervalSec"], ["0"])

    def test_not_configured_yet_is_no_error(self):
        for path in (SERVICE, SOCKET):
            self.assertEqual(directives(path)["Unit.ConditionPathExists"], ["/etc/hookswitch/webhook-secret"])

    def test_socket_outlives_the_service(self):
        listen = directives(SOCKET)["Socket.ListenStream"]
        self.assertEqual(listen, ["/run/hookswitch.sock"])  # in /run/hookswitch it would go with the service


if __name__ == "__main__":
    unittest.main()
