"""The REST API of `hookswitch simulate`, over real sockets: what only the process as a whole can show.

What each operation answers is told in tests/simulator_rest_test.cpp.
"""

import http.client
import signal
import socket
import ssl
import tempfile
import unittest
from pathlib import Path

from local_platform import ASSISTANT, KEY, NUMBER, LocalPlatform
from rawhttp import PATIENCE
from support import await_that, run

PLENTY = ("--rate-limits", "off")


class Serving(unittest.TestCase):
    def platform(self, *options, **more):
        return self.enterContext(LocalPlatform(*options, **more))

    def test_is_useful_at_once(self):
        platform = self.platform()
        self.assertIn(ASSISTANT, platform.said())
        self.assertIn(NUMBER, platform.said())
        self.assertIn("+31850835037", platform.said())
        self.assertNotIn(KEY, platform.said())
        self.assertEqual(platform.ask("GET", "/agents")["agents"][0]["id"], ASSISTANT)
        call = platform.ask("POST", "/calls/outbound", {"destination": "+31612345678", "agent_id": ASSISTANT})
        self.assertEqual((call.status, call["status"]), (200, "dialing"))
        shown = platform.ask("GET", f"/calls/{call['call_id']}")
        self.assertEqual(shown["caller_phone"], "+31612345678")
        self.assertEqual(shown["agent_name"], "Desk")

    def test_keys(self):
        with tempfile.TemporaryDirectory() as directory:
            second = Path(directory) / "key"
            second.write_text("second\n")
            platform = self.platform("--api-key-file", second)
            self.assertEqual(platform.ask("GET", "/numbers", key="second").status, 200)
            self.assertEqual(platform.ask("GET", "/numbers").status, 200)
        for key in (None, "wrong"):
            refused = platform.ask("GET", "/numbers", key=key)
            self.assertEqual(refused.status, 401)
            self.assertEqual(refused.json, {"error": "Unauthorized", "message": "Invalid or missing API key"})
        self.assertEqual(platform.ask("GET", "/health", key=None)["status"], "ok")

    def test_every_answer_tells_the_limit_and_a_429_when_to_come_back(self):
        platform = self.platform("--key-limit", 3)
        connection = platform.connect()
        for left in (2, 1, 0):
            answer = platform.ask("GET", "/agents", over=connection)
            self.assertEqual(answer.headers["X-RateLimit-Limit"], "3")
            self.assertEqual(answer.headers["X-RateLimit-Remaining"], str(left))
        refused = platform.ask("DELETE", f"/agents/{ASSISTANT}", over=connection)
        self.assertEqual(refused.status, 429)
        self.assertIn(int(refused.headers["Retry-After"]), range(50, 62))
        self.assertEqual(refused["error"]["code"], "rate_limit_exceeded")
        self.assertEqual(platform.ask("GET", "/agents", key=None).headers["X-RateLimit-Limit"], "3")

    def test_eras_have_their_paths_names_and_envelopes(self):
        expected = {
            "camel": ("/agents", "agents", "toolTemplates", "agent_id"),
            "snake": ("/assistants", "assistants", "tool_templates", "assistant_id"),
            "late": ("/assistants", "assistants", "tool_templates", "assistant_id"),
        }
        for era, (path, envelope, templates, reference) in expected.items():
            with self.subTest(era=era), LocalPlatform(era=era) as platform:
                self.assertEqual([*platform.ask("GET", path).json], [envelope])
                self.assertEqual(platform.ask("GET", "/tool-templates").json, {templates: []})
                self.assertEqual(platform.ask("GET", "/numbers")["numbers"][0][reference], ASSISTANT)
                self.assertEqual(platform.ask("GET", "/workflows").status, 200 if era == "late" else 404)
                unknown = platform.ask("GET", path + "/unknown")
                self.assertEqual(unknown.status, 404)
                self.assertIsInstance(unknown["error"], dict if era == "camel" else str)

    def test_a_life_of_an_object(self):
        platform = self.platform(*PLENTY, "--delete-status", 204, era="late")
        made = platform.ask("POST", "/assistants", {"name": "Zoë", "llm_config": {"provider": "openai", "tools": []}})
        self.assertEqual(made.status, 201)
        path = f"/assistants/{made['assistant']['id']}"
        self.assertEqual(platform.ask("GET", path).json, made.json)
        changed = platform.ask("PATCH", path, {"llm_config": None, "first_message": "Hoi"})["assistant"]
        self.assertEqual((changed["name"], changed["llm_config"], changed["first_message"]), ("Zoë", None, "Hoi"))
        gone = platform.ask("DELETE", path)
        self.assertEqual((gone.status, gone.text), (204, ""))
        self.assertEqual(platform.ask("DELETE", path).status, 404)

    def test_a_campaign_calls_its_leads(self):
        platform = self.platform(*PLENTY, "--talk", "50ms", "--speed", 20, era="late")
        made = platform.ask("POST", "/campaigns", {
            "name": "reminders", "agent_id": ASSISTANT, "schedule_start_time": "09:00:00",
            "schedule_end_time": "17:00:00", "timezone": "Europe/Amsterdam", "status": "scheduled",
            "leads": [{"phone_number": f"+3161234567{n}", "variables": {"name": "Jan"}} for n in range(5)]})
        self.assertEqual(made.status, 201, made)
        path = f"/campaigns/{made['campaign']['id']}"
        await_that(lambda: platform.ask("GET", path)["campaign"]["status"] == "completed", "a completed campaign")
        leads = platform.ask("GET", path + "/leads")["leads"]
        self.assertEqual([lead["status"] for lead in leads], ["completed"] * 5)
        self.assertEqual(platform.ask("GET", f"/calls/{leads[0]['call_id']}")["status"], "ended")
        self.assertEqual(platform.ask("GET", "/usage")["summary"]["total_calls"], 5)
        self.assertEqual(platform.ask("PATCH", path, {"status": "paused"}).status, 409)

    def test_one_connection_serves_many_requests(self):
        platform = self.platform(*PLENTY, tls=True)
        connection = platform.connect()
        connection.connect()
        sock = connection.sock
        for _ in range(50):
            self.assertEqual(platform.ask("GET", "/agents", over=connection).status, 200)
        self.assertIs(connection.sock, sock)

    def test_what_is_not_http_is_refused(self):
        platform = self.platform()
        host, port = platform.address.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as sock:
            sock.sendall(b"nonsense\r\n\r\n")
            self.assertTrue(sock.makefile("rb").read().startswith(b"HTTP/1.1 400 "))
        big = platform.ask("POST", "/agents", "x" * (2 << 20))
        self.assertEqual(big.status, 413)

    def test_ends_at_a_signal_with_connections_open(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number), LocalPlatform(tls=True) as platform:
                connection = platform.connect()
                platform.ask("POST", "/calls/outbound", {"destination": "+31612345678", "agent_id": ASSISTANT},
                             over=connection)
                platform.stop(number)


class Tls(unittest.TestCase):
    def platform(self, *options):
        return self.enterContext(LocalPlatform(*options, tls=True))

    def test_the_certificate_holds_for_this_machine(self):
        platform = self.platform()
        port = platform.address.split(":")[1]
        for name in ("localhost", "127.0.0.1"):
            context = ssl.create_default_context(cafile=str(platform.ca_file))
            connection = http.client.HTTPSConnection(name, int(port), timeout=PATIENCE, context=context)
            self.assertEqual(platform.ask("GET", "/agents", over=connection).status, 200)
            self.assertIn(connection.sock.version(), ("TLSv1.2", "TLSv1.3"))
            connection.close()

    def test_nobody_else_trusts_it(self):
        platform = self.platform()
        with self.assertRaises(ssl.SSLCertVerificationError):
            platform.ask("GET", "/agents", over=platform.connect(ssl.create_default_context()))

    def test_a_certificate_that_is_expired_or_another_hosts(self):
        for fault, why in (("expired", "expired"), ("wrong-host", "mismatch")):
            with self.subTest(fault=fault):
                platform = self.platform("--tls-certificate", fault)
                with self.assertRaisesRegex(ssl.SSLCertVerificationError, why):
                    platform.ask("GET", "/agents")

    def test_ones_own_certificate(self):
        first = self.platform()
        key = first.directory / "other.key"
        key.write_text("no key\n")
        done = run("simulate", "--listen", "127.0.0.1:0", "--api-key-file", first.key_file, "--tls",
                   "--tls-cert", first.ca_file, "--tls-key", key)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"hookswitch: simulate: use the certificate and its key: ", done.stderr)

    def test_a_handshake_that_fails(self):
        platform = self.platform("--fault", "tls-failure")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            platform.ask("GET", "/agents")


class Faults(unittest.TestCase):
    def platform(self, *faults):
        words = [word for fault in faults for word in ("--fault", fault)]
        return self.enterContext(LocalPlatform(*PLENTY, *words))

    def test_429(self):
        refused = self.platform("rest-429").ask("GET", "/agents")
        self.assertEqual(refused.status, 429)
        self.assertIn(int(refused.headers["Retry-After"]), (1, 2))

    def test_5xx(self):
        platform = self.platform("rest-5xx")
        statuses = {platform.ask("GET", "/agents").status for _ in range(40)}
        self.assertEqual(statuses, {500, 502, 503, 504})
        self.assertEqual(platform.ask("POST", "/agents", {"name": "a"}).status // 100, 5)

    def test_the_same_seed_gives_the_same_faults(self):
        seen = []
        for _ in range(2):
            with LocalPlatform(*PLENTY, "--fault", "rest-5xx=50%", "--seed", 3) as platform:
                seen.append([platform.ask("GET", "/agents").status for _ in range(30)])
        self.assertEqual(*seen)
        self.assertIn(200, seen[0])

    def test_garbage_and_answers_that_are_cut(self):
        for fault, error in (("rest-garbage", http.client.BadStatusLine), ("rest-cut", http.client.IncompleteRead)):
            with self.subTest(fault=fault), self.assertRaises(error):
                self.platform(fault).ask("GET", "/agents")

    def test_an_answer_that_never_comes(self):
        platform = self.platform("rest-hang")
        connection = platform.connect(timeout=0.3)
        with self.assertRaises(TimeoutError):
            platform.ask("GET", "/agents", over=connection)
        platform.stop()  # which does not wait for it

    def test_slow_answers(self):
        platform = self.platform("rest-slow=200ms")
        with self.assertRaises(TimeoutError):
            platform.ask("GET", "/agents", over=platform.connect(timeout=0.1))
        self.assertEqual(platform.ask("GET", "/agents").status, 200)


class CommandLine(unittest.TestCase):
    def test_mistakes(self):
        with tempfile.TemporaryDirectory() as directory:
            key = Path(directory) / "key"
            key.write_text(KEY)
            empty = Path(directory) / "empty"
            empty.write_text("\n")
            listen = ("--listen", "127.0.0.1:0", "--api-key-file", key)
            for words, status, why in (
                ((), 2, "there is nothing to do: give --listen, or --to and --scenario"),
                (("--listen", "127.0.0.1:0"), 2, "--listen needs --api-key-file"),
                (("--scenario", "inbound-camel"), 2, "--scenario needs --to"),
                (listen + ("--fault", "rest-5xx=5"), 2, "a share is given as rest-5xx=5%"),
                (listen + ("--fault", "fire"), 2, "fire"),
                (listen + ("--era", "old"), 2, "--era"),
                (listen + ("--tls-ca", "x"), 2, "--tls"),
                (listen + ("--key-limit", "0"), 2, "--key-limit: Value 0 not in range 1 to "),
                (listen + ("--balance", "-1"), 2, "--balance: Value -1 not in range 0 to "),
                (("--to", "http://[::1]:1/", "--scenario", "web", "--tls"), 2, "--tls needs --listen"),
                (("--to", "http://[::1]:1/", "--scenario", "web", "--api-key-file", key), 2,
                 "--api-key-file needs --listen"),
                (("--to", "http://[::1]:1/", "--scenario", "web", "--fault", "rest-5xx=5%"), 2,
                 "--fault: 'rest-5xx=5%' needs --listen"),
                (("--listen", "127.0.0.1:0", "--api-key-file", "-", "--secret-file", "-"), 2, "standard input"),
                (("--listen", "127.0.0.1:0", "--api-key-file", empty), 1, "read the API key: "),
                (("--listen", "nowhere", "--api-key-file", key), 1, "nowhere"),
                (listen + ("--tls", "--tls-ca", "/nonexistent/ca.pem"), 1, "write /nonexistent/ca.pem"),
            ):
                with self.subTest(words=words):
                    done = run("simulate", *words)
                    self.assertEqual(done.returncode, status, done)
                    self.assertIn(b"hookswitch: simulate: ", done.stderr)
                    self.assertIn(why, done.stderr.decode())

    def test_a_key_from_standard_input(self):
        with LocalPlatform() as taken:
            done = run("simulate", "--listen", taken.address, "--api-key-file", "-", stdin=b"key\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Address already in use", done.stderr)
        self.assertNotIn(b"key\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
