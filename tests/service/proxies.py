"""The shipped proxy configurations, each in the real program, in the foreground and in a directory of its own.

Of a shipped file only what a test cannot have is replaced: certificate, port, upstream address, and the user
that the program would change to. A replacement whose original is not in the file any more is an error.
"""

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from rawhttp import PATIENCE, Connection  # noqa: E402

HOST = "hooks.example.com"
# Where the tests' clients call from: not an address of a trusted proxy, so it must show up in the log.
CLIENT = "127.0.0.2"

NGINX_MAIN = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    include {site};
}}
"""


def certificate(directory):
    """A self-signed certificate for HOST: cert.pem, key.pem, and both in one as HAProxy wants it."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    (directory / "both.pem").write_bytes(cert.read_bytes() + key.read_bytes())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def replaced(text, changes):
    for old, new in changes.items():
        if old not in text:
            raise AssertionError(f"the shipped file has no {old!r} any more")
        text = text.replace(old, new)
    return text


class Proxy:
    """One proxy program. `upstream` is "127.0.0.1:PORT" or "unix:/path"; a context manager that runs it."""

    name = ready = None
    harmless = re.compile(r"(?!)")  # warnings that say nothing about the shipped file

    def __init__(self, directory, upstream):
        self.certificates = directory
        self.upstream = upstream
        self.port = free_port()
        self.directory = directory / f"{self.name}-{'unix' if upstream.startswith('unix:') else 'tcp'}"
        self.directory.mkdir()
        self._log = []
        self._changed = threading.Condition()
        self.prepare()

    def shipped(self, name):
        return (ROOT / "config" / name).read_text()

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def validate(self):
        """What the program itself says about the file: (exit code, output)."""
        done = subprocess.run(self.validation, capture_output=True, text=True, timeout=PATIENCE, env=self.environment())
        return done.returncode, done.stdout + done.stderr

    def environment(self):
        return dict(os.environ)

    def __enter__(self):
        # Should this test be killed, the proxy goes too.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *self.command], env=self.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._wait_until_ready()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(PATIENCE)
        self.process.stderr.close()

    def _read_log(self):
        for line in self.process.stderr:
            with self._changed:
                self._log.append(line)
                self._changed.notify_all()
        with self._changed:
            self._log.append(None)
            self._changed.notify_all()

    def _wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not any(line and self.ready in line for line in self._log):
                left = deadline - time.monotonic()
                if None in self._log or left <= 0 or not self._changed.wait(left):
                    raise AssertionError(f"{self.name} does not start:\n{self.log()}")

    def log(self):
        return "".join(line for line in self._log if line)

    def connect(self):
        return TlsConnection(self.port, self.certificates / "cert.pem")


class Nginx(Proxy):
    name = "nginx"
    ready = "start worker process"  # the listeners have been open since before

    def prepare(self):
        site = self.write("site.conf", replaced(self.shipped("nginx.conf"), {
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": f"{self.certificates}/cert.pem",
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": f"{self.certificates}/key.pem",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "listen [::]:443 ssl;": "",
            "127.0.0.1:8080": self.upstream,
        }))
        # As root its workers would become www-data, who may not look into a test's directory.
        user = "user root;" if os.geteuid() == 0 else ""
        main = self.write("nginx.conf", NGINX_MAIN.format(user=user, directory=self.directory, site=site))
        self.command = ["nginx", "-p", self.directory, "-e", "stderr", "-c", main]
        self.validation = [*self.command, "-t"]


class Caddy(Proxy):
    name = "caddy"
    ready = "serving initial configuration"
    # The redirects are off on purpose; a test's certificate names no OCSP server.
    harmless = re.compile("redirects are disabled|no OCSP server")

    def prepare(self):
        upstream = self.upstream.replace("unix:", "unix/") if self.upstream.startswith("unix:") else self.upstream
        config = self.write("Caddyfile", replaced(self.shipped("Caddyfile"), {
            "\nhooks.example.com {\n":
                f"\n{HOST}:{self.port} {{\n\ttls {self.certificates}/cert.pem {self.certificates}/key.pem\n",
            "\tauto_https disable_redirects\n":
                "\tauto_https disable_redirects\n\tadmin off\n\tdefault_bind 127.0.0.1\n",
            "reverse_proxy 127.0.0.1:8080": f"reverse_proxy {upstream}",
        }))
        arguments = ["--config", config, "--adapter", "caddyfile"]
        self.command = ["caddy", "run", *arguments]
        self.validation = ["caddy", "validate", *arguments]

    def environment(self):
        return {**os.environ, "HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory),
                "XDG_CONFIG_HOME": str(self.directory)}


class Haproxy(Proxy):
    name = "haproxy"
    ready = "Loading success"

    def prepare(self):
        text = replaced(self.shipped("haproxy.cfg"), {
            f"/etc/haproxy/certs/{HOST}.pem": f"{self.certificates}/both.pem",
            "bind :443 ": f"bind 127.0.0.1:{self.port} ",
            "server hookswitch 127.0.0.1:8080":
                "server hookswitch " + self.upstream.replace("unix:", "unix@"),
            "    chroot /var/lib/haproxy\n": "",
            "    user haproxy\n": "",
            "    group haproxy\n": "",
            # Who is not root has too few descriptors for so many connections.
            "    maxconn 10000\n": "    maxconn 100\n",
        })
        config = self.write("haproxy.cfg", text)
        self.command = ["haproxy", "-W", "-f", config]
        self.validation = ["haproxy", "-c", "-f", config]


PROXIES = (Nginx, Caddy, Haproxy)


class TlsConnection(Connection):
    """From CLIENT to a proxy, as the platform does it: the certificate is checked, HTTP/1.1."""

    def __init__(self, port, trusted):
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(CLIENT, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = ssl.create_default_context(cafile=trusted).wrap_socket(plain, server_hostname=HOST)
        self._buffer = b""

    def send_what_it_takes(self, data):
        try:
            super().send_what_it_takes(data)
        except ssl.SSLEOFError:  # a closed connection, as TLS puts it
            pass

    def ask(self, data):
        self.send(data)
        return self.response(strict=False)  # proxies add headers of their own


def connections_to(port):
    """The clients' ends of all connections that were made to a TCP port, closed ones included for a minute."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = re.split(r"\s+", line.strip())[1:4]
        if int(local.rpartition(":")[2], 16) == port and state != "0A":  # 0A: the listener itself
            found.add(remote)
    return found
