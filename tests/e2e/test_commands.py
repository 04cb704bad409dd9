"""The command line: what `check` finds, how commands fail, and that each explains itself."""

import re
import tempfile
import unittest
from pathlib import Path

from deliveries import SECRET
from support import config, reply, route, run, source, worker

COMMANDS = ("serve", "check", "sign", "verify", "send", "replay", "events", "api", "doctor")
GOOD = config(handlers=[reply("fixed", {"result": "ok"})], routes=[route("tool-calls", "fixed")])


class Check(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))
        (self.directory / "secret").write_text(SECRET)
        self.path = self.directory / "hookswitch.toml"

    def faults(self, text, command="check"):
        """The lines that a configuration earns."""
        self.path.write_text(text)
        done = run(command, "-c", self.path)
        self.assertEqual(done.returncode, 1, done)
        said = (done.stdout + done.stderr).decode()
        self.assertNotIn(SECRET, said)
        return said

    def test_a_good_file(self):
        self.path.write_text(GOOD)
        done = run("check", "-c", self.path)
        self.assertEqual(done.returncode, 0, done)

    def test_every_fault_has_its_place(self):
        text = "\n".join([
            "[server]",  # 1
            'listen = ["127.0.0.1:99999"]',
            'max_body = "2 elephants"',
            "request_timeout = 10",
            "thredas = 4",  # 5
            "[log]",
            'level = "loud"',
            "[[source]]",
            'name = "main"',
            'path = "webhook"',  # 10
            'provider = "nobody"',
            'secret_files = ["missing"]',
            "[[handler]]",
            'name = "desk"',
            'type = "reply"',  # 15
            'reply = { result = "${nosuch.path}" }',
            'timezone = "Europe/Atlantis"',
            "[[route]]",
            'event = "tool-calls"',
            'handler = "dekc"',  # 20
            'timeout = "1 hour"',
            "",
        ])
        said = self.faults(text)
        places = dict(re.findall(rf"^{re.escape(str(self.path))}:(\d+):\d+: (.+)$", said, re.M))
        for line in ("2", "3", "4", "5", "7", "10", "11", "12", "16", "17", "20", "21"):
            self.assertIn(line, places, said)
        self.assertIn("threads", places["5"], "the nearest known key")
        self.assertIn("missing", places["12"])
        self.assertEqual([int(n) for n in places], sorted(int(n) for n in places), "in the order of the file")

    def test_serve_says_the_same(self):
        text = GOOD.replace("[server]", "[server]\nthredas = 4\nidle = 3")
        check, serve = self.faults(text), self.faults(text, "serve")
        for line in re.findall(r"^.*:\d+:\d+: .+$", check, re.M):
            self.assertIn(line, serve)

    def test_a_file_that_is_no_toml(self):
        self.assertRegex(self.faults('[server]\nlisten = ["127.0.0.1:0"\n[log]\n'), r"hookswitch\.toml:\d+:\d+: ")

    def test_a_file_that_is_not_there(self):
        done = run("check", "-c", self.directory / "nowhere.toml")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"nowhere.toml", done.stdout + done.stderr)

    def test_what_a_handler_cannot_do_without_is_named(self):
        for kind, key in {"worker": "command", "exec": "command", "http": "url", "plugin": "library"}.items():
            with self.subTest(kind):
                text = GOOD + f'[[handler]]\nname = "bare"\ntype = "{kind}"\n'
                self.assertRegex(self.faults(text), rf"handler\[\d\]\.{key}: missing")

    def test_names(self):
        for text, name in {
            config(sources=[source(), source("main", "/other")]): "main",
            config(sources=[source(), source("other")]): "/webhook",
            config(handlers=[reply("twice", {}), reply("twice", {})]): "twice",
            config(routes=[route("tool-calls", "nobody")]): "nobody",
        }.items():
            with self.subTest(text):
                self.assertIn(name, self.faults(text))

    def test_limits(self):
        unknown_list = {"when": {"caller_list": "gone.txt"}, "reply": {}}

        def routed(**more):
            return config(handlers=[reply("fixed", {"result": "ok"})], routes=[route(**{"handler": "fixed", **more})])

        for text, key in {
            routed(event="tool-calls", timeout="9501ms"): "timeout",
            routed(event="assistant-request", timeout="5s"): "timeout",
            routed(event="status-update", timeout="11m"): "timeout",
            routed(event="tool-calls", timeout="0s"): "timeout",
            config(handlers=[worker("w", "echo.py", workers=0)]): "workers",
            config(handlers=[worker("w", "echo.py", concurrency=-1)]): "concurrency",
            config(handlers=[{"name": "w", "type": "worker", "command": []}]): "command",
            config(handlers=[{"name": "w", "type": "worker"}]): "command",
            config(handlers=[reply("r", {"result": 1}, hours=["Mon-Fri 9-17"])]): "hours",
            config(handlers=[reply("r", {"result": 1}, case=[unknown_list])]): "gone.txt",
        }.items():
            with self.subTest(text):
                self.assertIn(key, self.faults(text))

    def test_any_event_is_clamped_by_kind(self):
        """`*` matches told-only events too, so ten minutes are no fault there."""
        self.path.write_text(
            config(handlers=[reply("fixed", {"result": "ok"})], routes=[route("*", "fixed", timeout="10m")])
        )
        done = run("check", "-c", self.path)
        self.assertEqual(done.returncode, 0, done)


class Usage(unittest.TestCase):
    def test_help_has_an_example(self):
        self.assertEqual(run("--help").returncode, 0)
        for command in COMMANDS:
            done = run(command, "--help")
            self.assertEqual(done.returncode, 0)
            said = done.stdout.decode()
            self.assertRegex(said, rf"(?i)example[\s\S]*hookswitch {command}", said)

    def test_version(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout.decode(), r"\d+\.\d+")

    def test_wrong_usage_is_exit_code_2(self):
        incomplete = [("sign",), ("verify",), ("send",), ("replay",)]
        for arguments in ((), ("srve",), ("serve", "--nope"), ("serve", "a", "b"), *incomplete):
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, 2, done)
                self.assertTrue(done.stderr)

    def test_a_secret_is_never_an_argument(self):
        for command in ("sign", "verify", "send", "replay"):
            self.assertEqual(run(command, "--secret", SECRET).returncode, 2)


if __name__ == "__main__":
    unittest.main()
