"""`hookswitch simulate --listen` as tests use it: the platform's REST API, served by the binary under test."""

import http.client
import json
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from rawhttp import PATIENCE
from support import _SANITIZER, BINARY

KEY = "fl_test_0123456789"
ASSISTANT = "17a0cb75-fa09-4bdd-9a44-92a70d829c88"  # there are one of each to begin with
NUMBER = "4b1c6e0e-8d1f-4a34-9c5e-1f0a4f0e6f11"


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.text = body.decode(errors="replace")
        self.json = json.loads(self.text) if self.text.startswith("{") else None

    def __getitem__(self, key):
        return self.json[key]

    def __str__(self):
        return f"{self.status} {self.text}"


class LocalPlatform:
    """A context manager; ends the process at the end and checks how it went.

    `options` are words of the command line. With tls=True its certificate is in `ca_file`.
    """

    def __init__(self, *options, tls=False, era="camel", key=KEY):
        self.directory = Path(tempfile.mkdtemp(prefix="hs-"))
        self.key_file = self.directory / "key"
        self.key_file.write_text(key + "\n")
        self.ca_file = self.directory / "ca.pem"
        self.tls = tls
        self.key = key
        tls_words = ["--tls", "--tls-ca", str(self.ca_file)] if tls else []
        self.command = [BINARY, "simulate", "--listen", "127.0.0.1:0", "--api-key-file", str(self.key_file), "--era",
                        era, *tls_words, *map(str, options)]
        self.lines = []
        self._connections = []
        self._listening = threading.Event()

    def __enter__(self):
        self.process = subprocess.Popen(self.command, cwd=self.directory, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._readers = [threading.Thread(target=reader, daemon=True) for reader in (self._read_err, self._read_out)]
        for reader in self._readers:
            reader.start()
        if not self._listening.wait(PATIENCE) or self.url is None:
            self._kill()
            raise AssertionError(f"{self.command} does not listen:\n{self.said()}")
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process.poll() is None:
                self.stop()
        finally:
            self._kill()

    def _read_err(self):
        self.url = None
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip("\n")
            self.lines.append(line)
            if found := re.search(r"listening on (\S+)$", line):
                self.url = found[1]
                self._listening.set()
        self._listening.set()

    def _read_out(self):
        self.out = self.process.stdout.read().decode(errors="replace")

    def said(self):
        return "\n".join(self.lines)

    def _kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for connection in self._connections:
            connection.close()
        for reader in self._readers:
            reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self, with_signal=signal.SIGTERM, status=0):
        """Ends it as an operator does."""
        self.process.send_signal(with_signal)
        self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        if self.process.returncode != status or _SANITIZER.search(self.said()):
            raise AssertionError(f"exit status {self.process.returncode} instead of {status}:\n{self.said()}")

    @property
    def base_url(self):
        return self.url + "/api/v1"

    @property
    def address(self):
        return self.url.split("://")[1]

    def connect(self, context=None, timeout=PATIENCE):
        """A connection that is closed at the end if not before."""
        if self.tls:
            context = context or ssl.create_default_context(cafile=str(self.ca_file))
            connection = http.client.HTTPSConnection(self.address, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(self.address, timeout=timeout)
        self._connections.append(connection)
        return connection

    def ask(self, method, path, body=None, *, key=KEY, over=None):
        """One request; on a connection of its own unless one is given."""
        connection = over or self.connect()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        text = body if isinstance(body, (str, type(None))) else json.dumps(body)
        try:
            connection.request(method, "/api/v1" + path, text, headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            if over is None:
                connection.close()
