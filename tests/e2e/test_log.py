"""The log: what a reload changes, what repeats cost, and what never is in it."""

import json
import re
import signal
import subprocess
import unittest

from deliveries import event_body, post, tool_calls
from platform_stub import PlatformStub
from rawhttp import PATIENCE
from support import BINARY, DURABLE, FIXTURES, Daemon, await_that, config, reply, route, run, worker

CALLER = "+31612345678"
ROUTES = [route("tool-calls", "fixed")]
HANDLERS = [reply("fixed", {"result": "ok"})]


def text(**log):
    return config(log=log, handlers=HANDLERS, routes=ROUTES)


class Reload(unittest.TestCase):
    def accepted(self, daemon):
        """How the log tells of one event; None: it does not."""
        mark = daemon.mark()
        self.assertEqual(post(daemon.tcp, tool_calls("any", caller=CALLER)).status, 200)
        daemon.reload()  # whose line comes after
        found = daemon.records("event.accepted", after=mark)
        return found[0] if found else None

    def test_level_and_redaction(self):
        daemon = self.enterContext(Daemon(text(level="info")))
        self.assertEqual(self.accepted(daemon)["caller"], "+31*******78")
        daemon.reload(text(level="info", redact=False))
        self.assertEqual(self.accepted(daemon)["caller"], CALLER)
        daemon.write("hookswitch.toml", text(level="warn"))
        daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(post(daemon.tcp, tool_calls("any")).status, 200)
        self.assertEqual(post(daemon.tcp, tool_calls("any"), secret="wrong").status, 401)
        daemon.wait_for("request.refused")
        mark = daemon.mark()
        # Of a level that hides reload.done, the next configuration's is the sign.
        await_that(lambda: post(daemon.tcp, tool_calls("any")).status == 200 and self.silent(daemon), "level warn")
        daemon.reload(text(level="debug"))
        self.assertEqual(daemon.records("event.accepted", after=mark), daemon.records("event.accepted", after=mark)[:0])
        self.assertIsNotNone(self.accepted(daemon))

    def silent(self, daemon):
        mark = daemon.mark()
        self.assertEqual(post(daemon.tcp, tool_calls("any")).status, 200)
        self.assertEqual(post(daemon.tcp, tool_calls("any"), secret="wrong").status, 401)
        daemon.wait_for("request.refused", after=mark)
        return not daemon.records("event.accepted", after=mark)

    def test_format(self):
        daemon = self.enterContext(Daemon(text(level="info")))
        daemon.write("hookswitch.toml", text(level="info", format="text"))
        daemon.process.send_signal(signal.SIGHUP)
        plain = re.compile(r"^\S+Z info  reload\.done sources=1 ", re.MULTILINE)
        await_that(lambda: plain.search(daemon.text()), daemon.tail)
        self.assertEqual(post(daemon.tcp, tool_calls("any")).status, 200)
        answered = re.compile(r"^\S+Z info  event\.answered id=", re.MULTILINE)
        await_that(lambda: answered.search(daemon.text()), daemon.tail)
        daemon.reload(text(level="info"))
        self.assertIsNotNone(self.accepted(daemon))
        daemon._noise.clear()  # the lines that were text

    def test_the_command_line_goes_before_the_file(self):
        daemon = Daemon(text(level="info", format="text"))
        self.addCleanup(daemon.kill)
        command = [BINARY, "serve", "--log-format", "json", "-c", str(daemon.directory / "hookswitch.toml")]
        served = subprocess.Popen(command, cwd=daemon.directory, stderr=subprocess.PIPE, text=True)
        with served:
            events = (json.loads(line)["event"] for line in served.stderr)
            self.assertIn("server.ready", events)  # reads as far as that
            served.send_signal(signal.SIGHUP)
            self.assertIn("reload.done", events)
            served.terminate()
            self.assertIn("server.stopped", events)
            self.assertEqual(served.wait(PATIENCE), 0)

    def test_a_format_that_there_is_not(self):
        done = run("serve", "--log-format", "xml")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"'xml' is not one of: auto, text, json, journald", done.stderr)


class Repeats(unittest.TestCase):
    def test_a_flood_of_the_same_warning_is_a_few_lines(self):
        broken = {"name": "desk", "type": "exec", "command": ["false"], "queue": 1000}
        daemon = self.enterContext(Daemon(config(handlers=[broken], routes=[route("tool-calls", "desk")])))
        for _ in range(60):
            self.assertEqual(post(daemon.tcp, tool_calls("any")).status, 200)
        daemon.stop()  # a minute later would do too
        lines = daemon.records("handler.failed")
        self.assertEqual(len([line for line in lines if "call" in line]), 30)
        (summary,) = [line for line in lines if "call" not in line]
        self.assertEqual((summary["suppressed"], summary["handler"], summary["level"]), (30, "desk", "warn"))
        self.assertEqual(len(daemon.records("event.answered")), 60, "one line per event is no flood")


def digits_of(numbers):
    """Every way to write them that a log could show."""
    for number in numbers:
        digits = number.lstrip("+")
        yield digits
        if digits.startswith("31"):
            yield "0" + digits[2:]


class Privacy(unittest.TestCase):
    """A call with an indiscreet worker, all fixtures, and a platform that repeats what it is told."""

    CALL = f"call-_{CALLER}_abc123"

    def bodies(self):
        found = [path.read_bytes() for path in sorted(FIXTURES.glob("*.json"))
                 if path.name not in ("index.json", "signatures.json")]
        found.append(tool_calls(("lookup", {"query": "the caller wants to know the price"}), call_id=self.CALL))
        found += [event_body("status-update", call_id=self.CALL, status=status) for status in ("in-progress", "ended")]
        report = {"transcript": "I want to book a table for two.", "summary": "A table for two was booked."}
        found.append(event_body("end-of-call-report", call_id=self.CALL, **report))
        return found

    def play(self, **log):
        echo = lambda asked: (400, {"message": f"not active: {asked.path} {asked.body.decode()}"})  # noqa: E731
        platform = self.enterContext(PlatformStub(echo))

        def text(**log):
            return config(log=log, journal=DURABLE, platform={"base_url": platform.url}, admin={},
                          handlers=[worker("desk", "indiscreet.py", concurrency=8, retry=[])],
                          routes=[route("*", "desk")])

        daemon = self.enterContext(Daemon(text(**{**log, "format": "json"})))
        if "format" in log:
            daemon.write("hookswitch.toml", text(**log))
            daemon.process.send_signal(signal.SIGHUP)
            await_that(lambda: re.search(r"reload\.done sources", daemon.text()), daemon.tail)
        bodies = self.bodies()
        for body in bodies:
            post(daemon.tcp, body)
        await_that(lambda: "action.refused" in daemon.text() and "delivery.dead" in daemon.text(), daemon.tail)
        daemon.terminate()
        daemon.process.wait(PATIENCE)
        daemon._stopped = True
        daemon._reader.join(PATIENCE)
        logged = daemon.text()
        daemon.check_log(only_records=False)
        daemon._noise.clear()  # the lines that are not JSON
        return bodies, logged

    def check(self, bodies, logged):
        together = b"\n".join(bodies).decode()
        numbers = set(re.findall(r"\+\d{7,}", together)) | {"+31612345678"}
        for digits in digits_of(numbers):
            self.assertNotIn(digits, logged)
        self.assertNotIn("06 12 34 56 78", logged)
        said = set()
        for body in bodies:
            collect(json.loads(body), said)
        self.assertGreater(len(said), 20)
        for sentence in said:
            self.assertNotIn(sentence, logged)

    def test_as_json_at_level_debug(self):
        bodies, logged = self.play(level="debug")
        self.check(bodies, logged)
        self.assertIn("call-_+31*******78_abc123", logged)
        self.assertIn("looking up +31*******78", logged)

    def test_as_text(self):
        self.check(*self.play(level="debug", format="text"))

    def test_for_journald(self):
        self.check(*self.play(level="info", format="journald"))

    def test_whoever_wants_them_gets_them(self):
        _, logged = self.play(level="debug", redact=False)
        self.assertIn(self.CALL, logged)
        self.assertIn("looking up +31612345678", logged)
        self.assertRegex(logged, r"the caller \+31612345678 said: .*Voorbeeld Klant")


def collect(value, said, key=""):
    """Sentences of conversations: what is in messages, transcripts, summaries and arguments."""
    if isinstance(value, dict):
        for name, member in value.items():
            collect(member, said, name)
    elif isinstance(value, list):
        for item in value:
            collect(item, said, key)
    elif isinstance(value, str) and value.count(" ") >= 2 and not value.startswith("http"):
        said.add(value[:60])


class CallIds(unittest.TestCase):
    def test_every_line_about_a_call_has_its_id(self):
        daemon = self.enterContext(Daemon(config(
            journal=DURABLE, handlers=[worker("desk", "indiscreet.py", retry=[])], routes=[route("*", "desk")])))
        for body in (tool_calls("lookup", call_id="c1"), event_body("status-update", call_id="c1", status="ended"),
                     event_body("status-update", call_id="c1"), event_body("end-of-call-report", call_id="c1")):
            self.assertEqual(post(daemon.tcp, body).status, 200)
        daemon.wait_for("delivery.dead", count=3)
        daemon.stop()
        about_the_daemon = ("server.", "worker.", "admin.", "config.", "journal.", "log.")
        for record in daemon.records():
            if not record["event"].startswith(about_the_daemon):
                self.assertEqual(record.get("call"), "c1", record)


if __name__ == "__main__":
    unittest.main()
