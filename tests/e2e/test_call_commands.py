"""`hookswitch call`: through a running daemon, and straight at the platform."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

from deliveries import event_body, post
from platform_stub import PlatformStub
from support import Daemon, config, run

KEY = "fl_test_0123456789"
TOKEN = "t0ken-of-the-daemon"
ID = "call-_+31612345678_abc123"
PATH = "/api/v1/calls/call-_%2B31612345678_abc123"
SENT = {"success": True, "message": "Command sent successfully"}


class Commands(unittest.TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="hs-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.key_file = self.write("api-key", KEY + "\n")

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def call(self, *words, code=0, stdin=b""):
        """What it prints: on standard output if all went well, else on standard error."""
        done = run("call", *words, stdin=stdin)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, out + err)
        self.assertNotIn(KEY, out + err)
        self.assertNotIn(TOKEN, out + err)
        if code == 0:
            return out
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        self.assertTrue(err.startswith("hookswitch: call"), err)
        return err


class AtThePlatform(Commands):
    def platform(self, *answers):
        self.stub = self.enterContext(PlatformStub(*answers))
        return ("--base-url", self.stub.url, "--api-key-file", self.key_file)

    def test_commands(self):
        place = self.platform((200, SENT))
        for words, body in {
            ("say", ID, "Een ogenblik."): {"type": "say", "content": "Een ogenblik.", "end_after": False},
            ("say", ID, "Dag!", "--end-after"): {"type": "say", "content": "Dag!", "end_after": True},
            ("inject", ID, "Code 4821."): {
                "type": "inject-context", "content": "Code 4821.", "trigger_response": False},
            ("inject", ID, "Code 4821.", "--trigger-response"): {
                "type": "inject-context", "content": "Code 4821.", "trigger_response": True},
            ("transfer", ID, "+31201234567"): {"type": "transfer", "destination": "+31201234567"},
            ("transfer", ID, "sip:desk@example.com", "--message", "Momentje."): {
                "type": "transfer", "destination": "sip:desk@example.com", "message": "Momentje."},
            ("end", ID): {"type": "end-call"},
            ("end", ID, "--message", "Dag \"allemaal\"!"): {"type": "end-call", "message": 'Dag "allemaal"!'},
        }.items():
            with self.subTest(words):
                self.assertEqual(self.call(*words, "--direct", *place), "Command sent successfully\n")
                asked = self.stub.asked[-1]
                self.assertEqual((asked.method, asked.path), ("POST", PATH + "/control"))
                self.assertEqual(asked.headers["Authorization"], "Bearer " + KEY)
                self.assertEqual(asked.json(), body)
        out = self.call("end", ID, "--json", *place)  # options about the platform mean it
        self.assertEqual(json.loads(out), SENT)

    def test_text_from_standard_input(self):
        place = self.platform((200, SENT))
        self.call("say", ID, "-", *place, stdin="Één moment.\n".encode())
        self.assertEqual(self.stub.asked[0].json()["content"], "Één moment.")
        self.call("say", ID, "Hallo", "--base-url", self.stub.url, "--api-key-file", "-", stdin=KEY.encode() + b"\n")
        self.assertEqual(self.stub.asked[1].headers["Authorization"], "Bearer " + KEY)
        self.call("say", ID, "-", "--base-url", self.stub.url, "--api-key-file", "-", code=2)

    def test_what_is_no_command_is_not_sent(self):
        place = self.platform((200, SENT))
        for words in (
            ("say", ID, ""),
            ("say", "..", "text"),
            ("say", "", "text"),
            ("transfer", ID, "0201234567"),
            ("transfer", ID),
            ("end",),
            ("mumble", ID),
            ("outbound", "0612345678", "--assistant", "a"),
            ("outbound", "+31612345678"),
            ("outbound", "+31612345678", "--assistant", "a", "--from", "n"),  # not in the camel era
        ):
            with self.subTest(words):
                self.call(*words, *(place if words[0] != "mumble" else ()), code=2)
        self.assertEqual(self.stub.asked, [])

    def test_refusals(self):
        place = self.platform(
            (404, {"error": {"code": "not_found", "message": "Call not found"}}),
            (402, {"error": "Insufficient credits", "message": "None left.", "balance": 0}),
            (502, b"<html>"),
        )
        self.assertEqual(self.call("end", ID, *place, code=1),
                         "hookswitch: call end: HTTP 404: Call not found (code not_found)\n")
        self.assertEqual(
            self.call("outbound", "+31612345678", "--assistant", "a", *place, code=1),
            "hookswitch: call outbound: HTTP 402: Insufficient credits: None left. (balance 0)\n")
        self.assertEqual(self.call("end", ID, *place, code=1), "hookswitch: call end: HTTP 502: Bad Gateway\n")
        self.assertEqual(len(self.stub.asked), 3, "a command is not sent again")

    def test_a_rate_limit_is_waited_for(self):
        place = self.platform((429, {"error": "slowly"}, {"Retry-After": "0.01"}), (200, SENT))
        self.call("end", ID, *place)
        self.assertEqual(len(self.stub.asked), 2)

    def test_outbound(self):
        place = self.platform((200, {"success": True, "call_id": "call-outbound-abc", "status": "dialing"}))
        assistant = self.write("assistant.json", '{"llm_config": {"model": "x"}}')
        snake = {"destination": "+31612345678", "number_id": "n1", "first_message": "Hoi"}
        words = ("outbound", "+31612345678", "--first-message", "Hoi")
        for era, more, body in (
            ("camel", ("--assistant", "a1", "--context", "Order 42"),
             {"destination": "+31612345678", "agent_id": "a1", "first_message": "Hoi", "context": "Order 42"}),
            ("snake", ("--assistant", "a1", "--from", "n1"), {**snake, "assistant_id": "a1"}),
            ("late", ("--assistant", "a1", "--from", "n1", "--override-file", assistant),
             {**snake, "assistant_id": "a1", "assistant_override": {"llm_config": {"model": "x"}}}),
            ("late", ("--from", "n1", "--assistant-file", assistant),
             {**snake, "assistant": {"llm_config": {"model": "x"}}}),
        ):
            with self.subTest(era=era, more=more):
                self.assertEqual(self.call(*words, *more, "--era", era, *place), "call-outbound-abc\n")
                self.assertEqual(self.stub.asked[-1].path, "/api/v1/calls/outbound")
                self.assertEqual(self.stub.asked[-1].json(), body)
        self.write("assistant.json", "[]")
        self.call(*words, "--assistant-file", assistant, "--era", "late", *place, code=1)

    def test_list_and_get(self):
        call = {"id": ID, "caller_phone": "+31612345678", "assistant_phone": None, "status": "in-progress",
                "started_at": "2025-12-13T10:00:00.000Z", "messages": [{"role": "user", "content": "Hallo"}]}
        place = self.platform((200, {"calls": [call], "pagination": {"total": 1, "limit": 100, "offset": 0}}),
                              (200, {"calls": [call]}), (200, call), (200, call))
        head, line = self.call("list", *place).splitlines()
        self.assertEqual(head.split(), ["ID", "STATUS", "DIRECTION", "CALLER", "CALLED", "STARTED"])
        self.assertEqual(line.split(), [ID, "in-progress", "-", "+31612345678", "-", "2025-12-13T10:00:00.000Z"])
        self.assertEqual(self.stub.asked[0].query, "limit=100")
        out = self.call("list", "--status", "in-progress", "--limit", 5, "--json", *place)
        self.assertEqual([json.loads(line) for line in out.splitlines()], [call])
        self.assertEqual(self.stub.asked[1].query, "limit=5&status=in-progress")
        shown = self.call("get", ID, *place)
        self.assertIn("in-progress", shown)
        self.assertIn("Hallo", shown)
        self.assertEqual(json.loads(self.call("get", ID, "--json", *place)), call)
        self.assertEqual(self.stub.asked[3].path, PATH)
        self.call("list", "--caller", "+31612345678", *place, code=2)

    def test_what_the_configuration_says(self):
        self.platform((200, SENT))
        text = f'[platform]\nbase_url = "{self.stub.url}"\napi_key_file = "api-key"\n'
        file = self.write("hookswitch.toml", text)
        self.call("end", ID, "-c", file)  # no [admin]: there is no daemon to ask
        self.assertEqual(self.stub.asked[0].headers["Authorization"], "Bearer " + KEY)
        self.assertIn("api-key-file", self.call("end", ID, "-c", self.write("empty.toml", ""), code=1))
        self.assertIn("nowhere.toml", self.call("end", ID, "-c", "nowhere.toml", code=1))
        faulty = self.write("faulty.toml", text + 'era = "new"\n')
        self.assertIn("faulty.toml:4:7: platform.era: 'new' is not one of", self.call("end", ID, "-c", faulty, code=1))
        self.assertEqual(len(self.stub.asked), 1)

    def test_a_key_does_not_go_over_the_network_in_the_clear(self):
        self.assertIn("https://", self.call("end", ID, "--base-url", "http://api.example.com",
                                            "--api-key-file", self.key_file, code=2))


class ThroughADaemon(Commands):
    def start(self, *answers, admin=None, files=None, platform=True):
        self.stub = self.enterContext(PlatformStub(*answers))
        text = config(admin=admin or {})
        if platform:
            text += f'[platform]\nbase_url = "{self.stub.url}"\napi_key_file = "api-key"\n'
        self.daemon = self.enterContext(Daemon(text, files={"api-key": KEY, **(files or {})}))
        self.file = self.daemon.directory / "hookswitch.toml"
        return ("--admin", f"http://{self.daemon.admin}")

    def test_commands_go_by_the_daemon(self):
        place = self.start((200, SENT), (404, {"error": "Call not found"}))
        self.assertEqual(self.call("say", ID, "Een ogenblik.", *place), "Command sent successfully\n")
        self.assertEqual(self.stub.asked[0].path, PATH + "/control")
        self.assertEqual(self.stub.asked[0].json()["content"], "Een ogenblik.")
        self.assertEqual(self.call("say", ID, "Hallo?", *place, code=1),
                         "hookswitch: call say: HTTP 404: Call not found\n")
        log = self.daemon.records("platform.request")
        self.assertEqual([(record["status"], record["path"]) for record in log],
                         [(status, "/calls/call-_+31*******78_abc123/control") for status in (200, 404)])
        self.assertNotIn(KEY, self.daemon.text())

    def test_what_it_knows_of_calls(self):
        place = self.start()
        for call, status in (("c1", "in-progress"), ("c2", "ended")):
            body = event_body("status-update", call_id=call, status=status)
            self.assertEqual(post(self.daemon.tcp, body).status, 200)
        head, *lines = self.call("list", *place).splitlines()
        self.assertEqual([line.split()[:2] for line in lines], [["c1", "in-progress"]])
        ended = self.call("list", "--status", "ended", "--json", *place)
        self.assertEqual([json.loads(line)["id"] for line in ended.splitlines()], ["c2"])
        self.assertEqual(len(self.call("list", "--all", *place).splitlines()), 3)
        self.assertEqual(json.loads(self.call("get", "c2", "--json", *place))["status"], "ended")
        self.assertIn("HTTP 404", self.call("get", "c3", *place, code=1))
        self.assertIn("HTTP 409", self.call("say", "c2", "Hallo?", *place, code=1))
        self.assertEqual(self.stub.asked, [])

    def test_its_socket_and_token_are_found(self):
        self.start((200, SENT), admin={"listen": "unix:admin.sock", "token_file": "token"}, files={"token": TOKEN})
        self.call("end", ID, "-c", self.file)
        self.assertEqual(len(self.stub.asked), 1)
        socket = f"unix:{self.daemon.directory}/admin.sock"
        wrong = self.call("end", ID, "--admin", socket, code=1)
        self.assertIn("--token-file", wrong)
        self.call("end", ID, "--admin", socket, "--token-file", self.daemon.directory / "token")
        self.assertEqual(len(self.stub.asked), 2)

    def test_a_daemon_that_is_not_running(self):
        file = self.write("hookswitch.toml", '[admin]\nlisten = "unix:admin.sock"\n')
        said = self.call("end", ID, "-c", file, code=1)
        self.assertIn("the daemon does not answer: connect to unix:", said)
        self.assertIn("--direct", said)

    def test_a_daemon_without_a_platform(self):
        place = self.start(platform=False)
        self.assertIn("HTTP 503", self.call("end", ID, *place, code=1))


if __name__ == "__main__":
    unittest.main()
