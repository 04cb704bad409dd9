"""A systemd of the tests' own (private_systemd.sh), to run units in without touching this machine's."""

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

BOOT = Path(__file__).resolve().with_name("private_systemd.sh")
PATIENCE = 30.0


class Unavailable(Exception):
    """This machine or user cannot have one: needs root, namespaces and cgroups of version 2."""


class PrivateSystemd:
    """A context manager. The files of its world are at path("/etc/...")."""

    _below = ()  # the files of another system, to boot that

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unavailable("needs root")
        with contextlib.ExitStack() as stack:
            self._directory = Path(tempfile.mkdtemp(prefix="hs-systemd-"))
            stack.callback(shutil.rmtree, self._directory, ignore_errors=True)
            self._make_cgroup()
            stack.callback(self._remove_cgroup)
            self._boot(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _make_cgroup(self):
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        mounted = next((fields[1] for fields in mounts if fields[2] == "cgroup2"), None)
        own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        try:
            self._cgroup = Path(mounted + own[3:]) / self._directory.name
            self._cgroup.mkdir()
        except (OSError, TypeError) as error:
            raise Unavailable(f"no cgroup: {error}") from None

    def _remove_cgroup(self):
        for path, _, _ in os.walk(self._cgroup, topdown=False):
            os.rmdir(path)

    def _boot(self, stack):
        mounts, address = self._directory / "mounts", self._directory / "notify"
        mounts.mkdir()
        notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notify.bind(str(address))
        # The shell puts itself into the cgroup, which then is the root of what the new systemd sees. Should
        # this test be killed, all of it goes too.
        enter = 'echo $$ >"$0/cgroup.procs" && exec setpriv --pdeathsig "$@"'
        command, environment = self._command(mounts, address)
        self._process = subprocess.Popen(
            ["sh", "-c", enter, self._cgroup, *command], env={**os.environ, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        stack.callback(self._end)
        while b"READY=1" not in self._hear(notify).split(b"\n"):
            pass
        (self.pid,) = self._children()

    def _command(self, mounts, address):
        """The signal at which the starting program goes, it and its arguments; and its environment."""
        namespaces = ["--pid", "--fork", "--kill-child", "--mount", "--cgroup", "--net", "--uts", "--ipc"]
        return ["KILL", "unshare", *namespaces, BOOT, mounts, address, *self._below], {}

    def _hear(self, notify):
        """The next message of the systemd that starts."""
        end = os.pidfd_open(self._process.pid)
        try:
            ready, _, _ = select.select([notify, end], [], [], PATIENCE)
        finally:
            os.close(end)
        if notify in ready:
            return notify.recv(4096)
        if end in ready:
            raise Unavailable(self._process.stderr.read().decode(errors="replace").strip())
        raise AssertionError("systemd does not get ready")

    def _children(self):
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def _end(self):
        # When process 1 of the namespace is gone, so are all others, and then unshare ends.
        for pid in self._children() if self._process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._process.stderr.close()

    def path(self, inside):
        return Path(f"/proc/{self.pid}/root{inside}")

    def _inside(self):
        return ["nsenter", f"--target={self.pid}", "--all"]

    def run(self, *command, check=True):
        """A command inside; returns its standard output. With check=False the whole result."""
        done = subprocess.run(
            [*self._inside(), *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=PATIENCE * 2)
        if check and done.returncode != 0:
            recent = self.run("journalctl", "--no-pager", "--output=cat", "--lines=40", check=False).stdout
            raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}\n{recent}")
        return done.stdout if check else done

    def spawn(self, *command):
        """A process inside that goes on; it goes with the systemd, at the latest."""
        return subprocess.Popen([*self._inside(), *command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def systemctl(self, *arguments, check=True):
        return self.run("systemctl", "--no-pager", *arguments, check=check)

    def show(self, unit, *properties):
        lines = self.systemctl("show", unit, *(f"--property={name}" for name in properties)).splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def journal(self, unit, *arguments):
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}", *arguments)

    @contextlib.contextmanager
    def follow(self, unit):
        """A function that waits until the unit's journal has a line with the given text, written from now on."""
        cursor = self.journal(unit, "--lines=1", "--show-cursor").rpartition("-- cursor: ")[2].strip()
        process = subprocess.Popen(
            [*self._inside(), "journalctl", "--no-pager", "--output=cat", "--follow", "--lines=all",
             f"--unit={unit}", f"--after-cursor={cursor}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        seen = b""

        def wait_for(text):
            nonlocal seen
            deadline = time.monotonic() + PATIENCE
            while text.encode() not in seen:
                left = max(0, deadline - time.monotonic())
                if not select.select([process.stdout], [], [], left)[0]:
                    raise AssertionError(f"no {text} in the journal of {unit}:\n{seen.decode(errors='replace')}")
                seen += os.read(process.stdout.fileno(), 65536)

        try:
            yield wait_for
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
