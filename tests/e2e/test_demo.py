"""daemon/run-demo: what a newcomer sees first works, tells everything and leaves nothing behind."""

import os
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from deliveries import event_body
from rawhttp import PATIENCE
from support import BINARY, run

DEMO = Path(__file__).resolve().parents[2] / "daemon" / "run-demo"
EVENTS = ("assistant-request", "status-update", "tool-calls", "tool-calls", "tool-calls", "status-update",
          "end-of-call-report")


class Demo(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))

    def start(self, *options, binary=BINARY):
        process = subprocess.Popen(
            [DEMO, *options], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "HOOKSWITCH": binary, "TMPDIR": str(self.directory)})
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def end(self, process, code):
        said, complained = process.communicate(timeout=PATIENCE * 2)
        self.assertEqual(process.returncode, code, said + complained)
        return said, complained

    def left_behind(self):
        return sorted(path.name for path in self.directory.rglob("*") if path.is_file())

    def test_one_call(self):
        said, complained = self.end(self.start("--once"), 0)
        self.assertEqual(complained, "")
        # What the platform saw: a tool call leads to a sentence and a transfer.
        self.assertIn("“Hello Voorbeeld Klant of Example Bakery, how can I help you?”", said)
        self.assertRegex(said, r"tool connect_to_person\(.*\) in [\d.]+ ms")
        self.assertRegex(said, r"(?s)hookswitch  say, .*“One moment please, I will put you through.”.*"
                               r"hookswitch  transfer, .*transferred to \+31201234567")
        self.assertIn("1 as expected, 0 different", said)
        # What the daemon saw.
        self.assertEqual(tuple(re.findall(r"Z  (\S+) \S+ +[0-9A-Z]{26}$", said, re.M)), EVENTS)
        self.assertRegex(said, r"action transfer by handler desk: sent after \d+ ms")
        self.assertEqual(said.count('"confirmation":"D-0001"'), 1)
        self.assertEqual(said.count('"confirmation": "D-0001"'), 1)  # the duplicate
        self.assertRegex(said, r"200 in [\d.]+ ms, X-Hookswitch-Duplicate: true")
        self.assertRegex(said, r"401 in [\d.]+ ms")
        self.assertNotIn("\033", said)
        self.assertEqual(self.left_behind(), [])

    def test_stays_up_until_interrupted(self):
        process = self.start()
        said = ""
        while "stays up" not in said:
            line = process.stdout.readline()
            self.assertTrue(line, said + "\n(ended)")
            said += line
        (self.directory / "event.json").write_bytes(event_body("status-update"))
        secret = re.search(r"--secret-file (\S+)", said)[1]
        url = re.search(r"send --to (\S+)", said)[1]
        sent = run("send", "--to", url, "--secret-file", secret, self.directory / "event.json")
        self.assertEqual(sent.returncode, 0, sent)
        process.send_signal(signal.SIGINT)
        self.end(process, 0)
        self.assertNotEqual(run("send", "--to", url, "--secret-file", "-", self.directory / "event.json",
                                stdin=b"x").returncode, 0)
        self.assertEqual(self.left_behind(), ["event.json"])

    def test_says_what_failed(self):
        broken = self.directory / "broken"
        broken.write_text("#!/bin/sh\necho the port is taken >&2\nexit 1\n")
        broken.chmod(0o755)
        for binary, why in ((str(broken), "the daemon ended with exit code 1"), ("/nonexistent", "no such program")):
            with self.subTest(binary):
                _, complained = self.end(self.start("--once", binary=binary), 1)
                self.assertIn(why, complained)
                self.assertNotIn("Traceback", complained)
                self.assertEqual("the port is taken" in complained, binary == str(broken))


if __name__ == "__main__":
    unittest.main()
