#!/usr/bin/env python3
"""The life of the package on a Debian with a systemd: journey.py PACKAGE TREE. Called by tests/system/run."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine  # and the path to the end-to-end tests' modules

from deliveries import SECRET, event_body, only_result, post, tool_calls
from load import Load
from rawhttp import Connection
from support import API_KEY, await_that, config, reply, route, source

HERE = Path(__file__).resolve().parent
NUMBER = "+31612345678"  # of every caller
SCENARIOS = ["inbound-camel", "inbound-snake", "inbound-late", "inbound-legacy", "tools-parallel", "tool-async", "web"]
CREDENTIALS = "[Service]\nLoadCredential=api-key:/etc/hookswitch/api-key\n"

# What a worker may write to, and what it must not; what it may read, and what it must not.
WRITABLE = ["/var/lib/hookswitch", "/run/hookswitch", "/tmp", "/var/tmp", "/dev/shm"]
UNWRITABLE = ["/", "/etc", "/etc/hookswitch", "/usr/share/hookswitch/sdk/python", "/usr/bin", "/var", "/var/lib",
              "/var/log", "/run", "/home", "/root", "/opt", "/srv", "/boot", "/dev", "/sys", "/proc/sys/kernel"]
READABLE = ["/etc/hookswitch/hookswitch.toml", "/etc/passwd"]
UNREADABLE = ["/etc/shadow", "/etc/hookswitch/webhook-secret", "/etc/hookswitch/api-key", "/proc/1/environ",
              "/proc/DAEMON/mem", "/proc/DAEMON/environ", "/run/credentials/hookswitch.service/webhook-secret",
              "/run/credentials/hookswitch.service/api-key", "/dev/kmsg", "/dev/mem", "/root/.bashrc"]


def configuration(answer="as configured"):
    python_kit = {"PYTHONPATH": "/usr/share/hookswitch/sdk/python"}
    handlers = [
        reply("fixed", {"result": answer}),
        reply("greeting", {"assistant": {"first_message": "Good day."}}),
        {"name": "probe", "type": "worker", "command": ["/usr/bin/python3", "probe.py"], "concurrency": 4,
         "environment": python_kit},
    ]
    return config(
        server={"listen": ["systemd"]}, admin={"listen": "unix:/run/hookswitch/admin.sock"},
        log={"level": "info", "format": "auto"},
        journal={"sync": "full", "path": "/var/lib/hookswitch/hookswitch.db"},
        platform={"base_url": "http://127.0.0.1:9/api/v1", "api_key_file": "${CREDENTIALS_DIRECTORY}/api-key"},
        sources=[source(secret_files=["${CREDENTIALS_DIRECTORY}/webhook-secret"])], handlers=handlers,
        routes=[route("assistant-request", "greeting"), route("tool-calls", "probe", tool="try_to"),
                route("tool-calls", "fixed"), route("status-update", "probe")])


def mebibytes(size):
    return f"{size / 2**20:.1f} MiB"


def expect(truth, why):
    if not truth:
        raise AssertionError(why() if callable(why) else why)


def expect_equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def repacked(package, version, directory, change=lambda root: None):
    """The same package with another version: what an upgrade is, without a second build."""
    root = directory / version
    subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
    control = root / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    change(root)
    made = directory / f"hookswitch_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, made], check=True, capture_output=True)
    return made


class Journey:
    """One step a method, in the order of their definition; each returns what is worth telling."""

    def __init__(self, stack, package, tree):
        self.package = package
        self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-system-")))
        self.box = machine.boot(stack, tree)
        self.acknowledged = set()  # call ids

    # ---- what steps do ----

    @property
    def address(self):
        return f"unix:{self.box.path('/run/hookswitch.sock')}"

    def install(self, package):
        inside = self.box.path("/root/hookswitch.deb")
        shutil.copy(package, inside)
        return self.box.run("apt-get", "install", "--yes", "--no-install-recommends",
                            "/root/hookswitch.deb", check=False)

    def installed(self, package):
        done = self.install(package)
        expect_equal(done.returncode, 0, f"apt-get install\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def state(self, unit, *names):
        found = self.box.show(unit, *names)
        return found[names[0]] if len(names) == 1 else found

    def main_pid(self):
        return int(self.state("hookswitch.service", "MainPID"))

    def write(self, name, content, mode=0o644):
        path = self.box.path(f"/etc/hookswitch/{name}")
        path.write_text(content)
        path.chmod(mode)

    def kept(self):
        path = self.box.path("/var/lib/hookswitch/kept")
        return path.read_text().split() if path.exists() else []

    def await_kept(self):
        """Every acknowledged event has been delivered; how many came twice."""
        await_that(lambda: self.acknowledged <= set(self.kept()),
                   lambda: f"{len(self.acknowledged - set(self.kept()))} acknowledged events are not delivered")
        kept = self.kept()
        return len(kept) - len(set(kept))

    def under_load(self, act):
        """Runs act() while calls come in; the load, of which no request failed."""
        with Load(lambda: Connection(self.address), tool="fixed", result="as configured") as load:
            await_that(lambda: load.total > 50, "no load")
            act(load)
            after = load.total
            await_that(lambda: load.total > after + 50, "the load does not go on")
        self.acknowledged |= load.acknowledged
        return load

    def without_failure(self, act):
        load = self.under_load(act)
        expect_equal(load.failed, 0, f"failed requests {dict(load.outcomes)}")
        return f"{load.total} requests, none failed"

    def reload(self):
        with self.box.follow("hookswitch") as wait_for:
            self.box.systemctl("reload", "hookswitch")
            wait_for("reload.done")

    # ---- the steps ----

    def install_without_a_secret(self):
        said = self.installed(self.package)
        expect_equal(self.state("hookswitch.service", "ActiveState"), "inactive", "the service")
        expect_equal(self.state("hookswitch.service", "UnitFileState"), "enabled", "the service")
        expect_equal(self.state("hookswitch.socket", "UnitFileState"), "disabled", "the socket")
        expect_equal(self.state("hookswitch.service", "ConditionResult"), "no", "its condition")
        self.box.systemctl("is-system-running")  # nothing has failed
        expect("hookswitch" in self.box.run("getent", "passwd", "hookswitch"), "no user")
        expect("warning" not in said.lower().replace("delaying package configuration", ""), said)
        self.box.run("hookswitch", "--version")
        size = self.package.stat().st_size
        field = subprocess.run(["dpkg-deb", "--field", self.package, "Installed-Size"], capture_output=True, text=True,
                               check=True).stdout
        return f"package {mebibytes(size)}, installed {mebibytes(int(field) * 1024)}; not started, not failed"

    def start_as_the_readme_says(self):
        """The shipped configuration, a secret, start."""
        self.write("webhook-secret", SECRET, 0o600)
        self.box.systemctl("start", "hookswitch")
        pid = self.main_pid()
        owner = self.box.path(f"/proc/{pid}").stat().st_uid
        expect_equal(str(owner), self.box.run("id", "-u", "hookswitch").strip(), "the daemon's user")
        status = self.box.path(f"/proc/{pid}/status").read_text()
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
        said = self.box.run("systemd-analyze", "security", "--no-pager", "hookswitch.service", check=False).stdout
        exposure = re.search(r"Overall exposure level for hookswitch.service: ([0-9.]+) (\w+)", said)
        expect(exposure and float(exposure[1]) <= 1.5, said)
        return f"resident idle {mebibytes(resident)}; exposure {exposure[1]} {exposure[2]}"

    def switch_to_the_socket(self):
        drop_in = self.box.path("/etc/systemd/system/hookswitch.service.d")
        drop_in.mkdir()
        (drop_in / "credentials.conf").write_text(CREDENTIALS)
        self.write("api-key", API_KEY, 0o600)
        self.write("probe.py", (HERE / "probe.py").read_text())
        self.write("hookswitch.toml", configuration())
        self.box.systemctl("daemon-reload")
        self.box.systemctl("stop", "hookswitch")
        self.box.systemctl("enable", "--now", "hookswitch.socket")
        self.box.systemctl("start", "hookswitch")
        expect_equal(only_result(post(self.address, tool_calls("fixed"))), "as configured", "the answer")
        return "two credentials"

    def play_calls(self):
        out = self.box.run("hookswitch", "simulate", "--to", "unix:/run/hookswitch.sock:/webhook", "--secret-file",
                           "/etc/hookswitch/webhook-secret", "--speed", "20", "--compare", "--json",
                           *(word for name in SCENARIOS for word in ("--scenario", name)))
        played = json.loads(out)
        expect(played["ok"], out)
        return f"{played['calls']['settled']} calls of the installed scenarios, all as expected"

    def reload_under_load(self):
        def act(load):
            for _ in range(20):
                self.reload()

        pid = self.main_pid()
        told = self.without_failure(act)
        expect_equal(self.main_pid(), pid, "the process")
        return f"20 reloads: {told}"

    def restart_under_load(self):
        def act(load):
            for _ in range(5):
                self.box.systemctl("restart", "hookswitch")

        return f"5 restarts: {self.without_failure(act)}"

    def upgrade_under_load(self):
        newer = repacked(self.package, "99.1-1", self.directory)
        pid = self.main_pid()
        told = self.without_failure(lambda load: self.installed(newer))
        expect(self.main_pid() not in (0, pid), "the daemon was not restarted")
        expect_equal(self.box.run("dpkg-query", "-W", "-f", "${Version}", "hookswitch"), "99.1-1", "the version")
        expect_equal(self.state("hookswitch.socket", "ActiveState"), "active", "the socket")
        expect_equal(self.box.path("/etc/hookswitch/hookswitch.toml").read_text(), configuration(), "the conffile")
        return f"1 upgrade: {told}"

    def upgrade_that_refuses_the_configuration(self):
        """A version for which the configuration is wrong: the old daemon goes on."""
        def stricter(root):
            program = root / "usr" / "bin" / "hookswitch"
            program.write_text("#!/bin/sh\necho hookswitch.toml:1:1: not for this version\nexit 1\n")

        pid = self.main_pid()
        done = self.install(repacked(self.package, "99.2-1", self.directory, stricter))
        expect_equal(done.returncode, 0, f"apt-get install\n{done.stdout}{done.stderr}")
        expect("was not restarted" in done.stdout + done.stderr, done.stdout + done.stderr)
        expect_equal(self.main_pid(), pid, "the process")
        expect_equal(post(self.address, tool_calls("fixed")).status, 200, "the old daemon's answer")
        self.installed(repacked(self.package, "99.3-1", self.directory))
        expect(self.main_pid() not in (0, pid), "the daemon was not restarted")
        return "the old daemon went on, the next upgrade replaced it"

    def kill_under_load(self):
        def act(load):
            for _ in range(3):
                before = self.main_pid()
                self.box.systemctl("kill", "--kill-whom=main", "--signal=KILL", "hookswitch")
                await_that(lambda: self.main_pid() not in (0, before), "the daemon does not come back")
                after = load.total
                await_that(lambda: load.total > after + 50, "the load does not go on")

        load = self.under_load(act)
        twice = self.await_kept()
        return (f"3 times SIGKILL: {load.total} requests, {load.failed} cut off; of {len(self.acknowledged)} "
                f"acknowledged events so far all delivered, {twice} of them twice")

    def watchdog(self):
        before = self.box.show("hookswitch", "MainPID", "NRestarts")
        begun = time.monotonic()
        self.box.systemctl("kill", "--kill-whom=main", "--signal=STOP", "hookswitch")
        await_that(lambda: self.main_pid() not in (0, int(before["MainPID"])), "the watchdog does not act", timeout=60)
        expect_equal(int(self.state("hookswitch", "NRestarts")), int(before["NRestarts"]) + 1, "restarts")
        expect_equal(post(self.address, tool_calls("fixed")).status, 200, "the answer")
        return f"a daemon that hangs was replaced after {time.monotonic() - begun:.1f} s"

    def journal_fields(self):
        call = "11112222-3333-4444-8555-666677778888"
        expect_equal(post(self.address, event_body("status-update", call_id=call)).status, 200, "the answer")
        with self.box.follow("hookswitch") as _:
            pass
        find = ["journalctl", "--no-pager", "--output=json", f"HOOKSWITCH_CALL={call}"]
        await_that(lambda: self.box.run(*find).count("\n") >= 2, "no entries of the call")
        entries = [json.loads(line) for line in self.box.run(*find).splitlines()]
        events = {entry["HOOKSWITCH_EVENT"] for entry in entries}
        expect({"event.accepted", "event.delivered"} <= events, f"only {events}")
        expect_equal({entry["_SYSTEMD_UNIT"] for entry in entries}, {"hookswitch.service"}, "the unit")
        everything = self.box.run("journalctl", "--no-pager", "--output=json", "--unit=hookswitch")
        for secret in (NUMBER, NUMBER.strip("+"), SECRET, API_KEY):
            expect(secret not in everything, f"the log has {secret}")
        return f"{len(entries)} entries of one call found by its id; {everything.count(chr(10))} entries have no number"

    def sandbox(self):
        arguments = {"writes": WRITABLE + UNWRITABLE, "reads": READABLE + UNREADABLE}
        seen = only_result(post(self.address, tool_calls(("try_to", arguments))))
        wrong = [f"cannot write to {p}: {seen['writes'][p]}" for p in WRITABLE if seen["writes"][p] != "done"]
        wrong += [f"writes to {p}" for p in UNWRITABLE if seen["writes"][p] == "done"]
        wrong += [f"cannot read {p}: {seen['reads'][p]}" for p in READABLE if seen["reads"][p] != "done"]
        wrong += [f"reads {p}" for p in UNREADABLE if seen["reads"][p] == "done"]
        wrong += [f"can {what}" for what, how in seen["calls"].items() if how == "done"]
        others = [pid for pid in seen["processes"]
                  if self.box.path(f"/proc/{pid}").exists() and self.box.path(f"/proc/{pid}").stat().st_uid != seen["uid"]]
        wrong += [f"sees process {pid} of somebody else" for pid in others]
        wrong += [f"has {name}" for name in seen["environment"] if name.startswith(("CREDENTIALS", "NOTIFY", "LISTEN"))]
        expect(not wrong, "a worker " + "; ".join(wrong))
        memory = self.box.path(f"/proc/{self.main_pid()}/environ")  # root's: no core dump, nothing for the same user
        expect_equal(memory.stat().st_uid, 0, "the owner of what /proc shows of the daemon")
        return (f"refused to a worker: {len(UNWRITABLE)} places to write, {len(UNREADABLE)} files to read, "
                f"{len(seen['calls'])} system calls")

    def remove(self):
        self.box.run("apt-get", "remove", "--yes", "hookswitch")
        for unit in ("hookswitch.service", "hookswitch.socket"):
            expect_equal(self.state(unit, "ActiveState"), "inactive", unit)
        expect(self.box.path("/var/lib/hookswitch/hookswitch.db").exists(), "the journal is gone")
        expect(self.box.path("/etc/hookswitch/webhook-secret").exists(), "the secret is gone")
        expect(not self.box.path("/usr/bin/hookswitch").exists(), "the program is still there")
        return "journal, configuration and secrets are kept"

    def install_again(self):
        self.installed(self.package)
        expect_equal(self.state("hookswitch.service", "ActiveState"), "active", "the service")
        expect_equal(self.state("hookswitch.socket", "UnitFileState"), "enabled", "the socket")
        expect_equal(post(self.address, tool_calls("fixed")).status, 200, "the answer")
        return "goes on with what it had"

    def purge(self):
        self.box.run("apt-get", "purge", "--yes", "hookswitch")
        self.box.run("rm", "-r", "/etc/systemd/system/hookswitch.service.d")
        left = [path for place in ("/etc", "/usr", "/var/lib", "/run")
                for path in self.box.run("find", place, "-xdev", "-name", "*hookswitch*").split()
                if "/dpkg/" not in path and not path.startswith("/run/credentials")]
        expect_equal(left, ["/etc/hookswitch"], "what is left")
        expect_equal(sorted(p.name for p in self.box.path("/etc/hookswitch").iterdir()), ["probe.py"], "what is left")
        self.box.systemctl("is-system-running")
        return "only the operator's own handler is left"

    def steps(self):
        named = vars(type(self))
        first = list(named).index("install_without_a_secret")
        return [name for name in list(named)[first:] if name not in ("steps",) and callable(named[name])]


def main():
    package, tree = Path(sys.argv[1]), Path(sys.argv[2])
    with contextlib.ExitStack() as stack:
        journey = Journey(stack, package, tree)
        steps = journey.steps()
        for name in steps:
            begun = time.monotonic()
            try:
                told = getattr(journey, name)()
            except (AssertionError, OSError, subprocess.SubprocessError) as why:
                print(f"system: {name}: FAILED: {why}", file=sys.stderr)
                return 1
            print(f"system: {name}: {told} ({time.monotonic() - begun:.1f} s)", flush=True)
    print(f"system: all {len(steps)} steps are good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
