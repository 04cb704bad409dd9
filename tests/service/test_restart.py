"""Reloads and restarts under load, with the shipped unit in a real systemd: every request gets a 2xx, and what was
acknowledged reaches its handler. With socket activation, and on a plain TCP port behind the shipped nginx.

HOOKSWITCH_RELOADS and HOOKSWITCH_RESTARTS say how many of each; the numbers are printed.
"""

import contextlib
import os
import ssl
import unittest

from installed import install
from private_systemd import PrivateSystemd, Unavailable
from proxies import HOST, NGINX_MAIN, ROOT, certificate, replaced

from load import Load
from rawhttp import Connection
from support import await_that, config, route, source

RELOADS = int(os.environ.get("HOOKSWITCH_RELOADS", 20))
RESTARTS = int(os.environ.get("HOOKSWITCH_RESTARTS", 5))

WORKER = """
from hookswitch import on, run, tool

@tool
def look_up(event):
    return "found"

@on("status-update")
def note(event):
    with open("/var/lib/hookswitch/delivered", "a") as file:
        file.write(event.call.id + "\\n")

run()
"""


def configuration(listen):
    return config(
        server={"listen": [listen]}, log={"format": "auto", "level": "warn"},
        journal={"sync": "full", "path": "/var/lib/hookswitch/hookswitch.db"},
        sources=[source(secret_files=["${CREDENTIALS_DIRECTORY}/webhook-secret"])],
        handlers=[{"name": "desk", "type": "worker", "command": ["/usr/bin/python3", "desk.py"], "workers": 2}],
        routes=[route("tool-calls", "desk"), route("status-update", "desk")])


class TlsOverUnix(Connection):
    """To nginx, which listens on a Unix socket because its network is not ours."""

    def __init__(self, path, trusted):
        super().__init__(f"unix:{path}")
        self.socket = ssl.create_default_context(cafile=trusted).wrap_socket(self.socket, server_hostname=HOST)


class Restart(unittest.TestCase):
    def setUp(self):
        try:
            self.systemd = self.enterContext(PrivateSystemd())
        except Unavailable as why:
            raise unittest.SkipTest(f"no systemd of our own: {why}") from None

    def start(self, listen, *units):
        install(self.systemd, {"hookswitch.toml": configuration(listen), "desk.py": WORKER})
        self.systemd.systemctl("start", *units)

    def delivered(self):
        with contextlib.suppress(FileNotFoundError):
            return set(self.systemd.path("/var/lib/hookswitch/delivered").read_text().split())
        return set()

    def disturb(self, load):
        main_pid = lambda: self.systemd.show("hookswitch", "MainPID")["MainPID"]
        with load:
            before = main_pid()
            for _ in range(RELOADS):
                self.systemd.systemctl("reload", "hookswitch")
            self.assertEqual(main_pid(), before)
            for _ in range(RESTARTS):
                self.systemd.systemctl("restart", "hookswitch")
            self.assertNotEqual(main_pid(), before)
        self.assertEqual(load.failed, 0, dict(load.outcomes))
        await_that(lambda: load.acknowledged <= self.delivered(), "every acknowledged event to be delivered")
        print(f"{RELOADS} reloads, {RESTARTS} restarts: {load.total} requests, {load.failed} failed, "
              f"{len(load.acknowledged)} told and delivered")

    def test_with_socket_activation(self):
        self.start("systemd", "hookswitch.socket", "hookswitch.service")
        address = f"unix:{self.systemd.path('/run/hookswitch.sock')}"
        self.disturb(Load(lambda: Connection(address), tool="look_up", result="found"))

    def test_on_a_tcp_port_behind_nginx(self):
        self.start("127.0.0.1:8080", "hookswitch.service")
        directory = self.systemd.path("/run/nginx")
        directory.mkdir()
        certificate(directory)
        site = replaced((ROOT / "config/nginx.conf").read_text(), {
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": "/run/nginx/cert.pem",
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": "/run/nginx/key.pem",
            "listen 443 ssl;": "listen unix:/run/nginx/tls.sock ssl;",
            "listen [::]:443 ssl;": "",
        })
        (directory / "site.conf").write_text(site)
        main = NGINX_MAIN.format(user="user root;", directory="/run/nginx", site="/run/nginx/site.conf")
        (directory / "nginx.conf").write_text(main)
        process = self.systemd.spawn("nginx", "-p", "/run/nginx", "-e", "/run/nginx/error.log",
                                     "-c", "/run/nginx/nginx.conf")
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        await_that((directory / "tls.sock").exists, "nginx")
        connect = lambda: TlsOverUnix(directory / "tls.sock", directory / "cert.pem")
        self.disturb(Load(connect, tool="look_up", result="found", keep=True))


if __name__ == "__main__":
    unittest.main()
