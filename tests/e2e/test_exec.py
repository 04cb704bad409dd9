"""Handlers that are a program for each event: what it gets, what becomes of its answer, and how it ends."""

import json
import os
import re
import signal
import time
import unittest

from admin import await_metric, scrape
from control import Control
from deliveries import Asking, event_body, only_result, post, tool_calls
from dialects import assert_answers_in_every_dialect
from rawhttp import PATIENCE
from support import DURABLE, HERE, Daemon, await_that, config, reply, route, worker
from worker_case import FALLBACK, alive

EXAMPLES = HERE.parents[1] / "handlers" / "exec"
STEP = "20ms"  # of a schedule


def shell(name, script, **more):
    """A handler that is a shell script; `ANSWER` in it is a result of "ok"."""
    script = script.replace("ANSWER", """echo '{"reply":{"result":"ok"}}'""")
    return {"name": name, "type": "exec", "command": ["sh", "-c", script], **more}


def puppet(control, *arguments, name="held", **more):
    """A program that does what the test says: it shows its event, and answers and exits when told to."""
    return worker(name, "puppet.py", "--once", *arguments, control=control, type="exec", **more)


def answer(event, reply, code=0, **more):
    event.answer(reply, **more)
    event.worker.exit(code)


class ExecTest(unittest.TestCase):
    def start(self, handlers, routes, **more):
        self.daemon = self.enterContext(Daemon(config(handlers=handlers, routes=routes, admin={}, **more)))
        return self.daemon

    def start_puppet(self, *arguments, timeout="9s", routes=(), server=None, journal=None, **settings):
        self.control = self.enterContext(Control())
        routes = [
            *routes,
            route("tool-calls", "fixed", tool="healthy"),
            route("tool-calls", "held", timeout=timeout, fallback=FALLBACK),
        ]
        handlers = [puppet(self.control, *arguments, **settings), reply("fixed", {"result": "ok"})]
        return self.start(handlers, routes, server=server, journal=journal)

    def ask(self, *tools):
        return Asking(self.daemon.tcp, tool_calls(*tools))

    def metric(self, name, handler="held"):
        return scrape(self.daemon).get(name, handler=handler)

    def await_metric(self, name, value, handler="held"):
        await_metric(self.daemon, name, value, handler=handler)


class Answers(ExecTest):
    def test_in_every_dialect(self):
        """One program, whatever the platform speaks."""
        script = """
            case $HOOKSWITCH_EVENT_TYPE in
            tool-calls) printf '{"reply":{"result":"%s"}}' "$HOOKSWITCH_TOOL" ;;
            *) echo '{"reply": {"assistant": {"first_message": "Hello"}}}' ;;
            esac"""
        self.start([shell("desk", script)], [route("*", "desk")])
        assert_answers_in_every_dialect(self, self.daemon.tcp)

    def test_what_the_program_gets(self):
        more = {"CRM_KEY": "key", "CREDENTIALS_DIRECTORY": "/nowhere", "STATE_DIRECTORY": "/tmp", "LC_TIME": "C"}
        self.control = self.enterContext(Control())
        handler = puppet(self.control, inherit=["CRM_KEY"], directory="desk", environment={"DESK": "a b=ü"})
        self.daemon = Daemon(config(handlers=[handler], routes=[route("tool-calls", "held", timeout="9s")]), env=more)
        (self.daemon.directory / "desk").mkdir()
        self.enterContext(self.daemon)
        body = tool_calls(("tool_1", "look", {"q": "é\n"}), call_id="call-1", dialect="snake")
        asking = Asking(self.daemon.tcp, body)
        event = self.control.event()
        program = event.worker
        self.assertTrue(program.input_ended.wait(PATIENCE), "the event is all there is to read")
        self.assertEqual(event["tool_call"], {"id": "tool_1", "name": "look", "arguments": {"q": "é\n"}})
        self.assertEqual((event["call"]["id"], event["attempt"], event["dialect"]), ("call-1", 1, "snake"))
        self.assertEqual(program.directory, str(self.daemon.directory / "desk"))
        links = [f"{n} -> {to}" for n, to in program.descriptors.items() if n not in ("0", "1", "2")]
        self.assertLessEqual(len(links), 1, f"only the link to the test: {program.descriptors}")

        about = {k.removeprefix("HOOKSWITCH_"): v for k, v in program.environment.items() if k.startswith("HOOKSWITCH_")}
        self.assertTrue(0 < int(about.pop("DEADLINE_MS")) <= 9000)
        about.pop("TEST_CONTROL")
        self.assertEqual(about, {
            "EVENT_ID": event["id"], "EVENT_TYPE": "tool-calls", "ATTEMPT": "1", "CALL_ID": "call-1",
            "CALLER": "+31612345678", "CALLED": "+31850835037", "STATUS": "in-progress", "TOOL": "look"})
        rest = {k: v for k, v in program.environment.items() if not k.startswith(("HOOKSWITCH_", "LC_"))}
        self.assertEqual(rest.pop("DESK"), "a b=ü")
        self.assertEqual(rest.pop("CRM_KEY"), "key")
        self.assertEqual((rest.pop("STATE_DIRECTORY"), rest.pop("PATH")), ("/tmp", os.environ["PATH"]))
        self.assertLessEqual(set(rest), {"HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG"})
        answer(event, {"result": {"hits": [1, None]}})
        self.assertEqual(only_result(asking.answer()), {"hits": [1, None]})

    def test_values_that_no_variable_can_hold(self):
        """A caller or a model that makes one up does not keep the program from starting."""
        script = """[ -z "$HOOKSWITCH_TOOL$HOOKSWITCH_CALLER" ] && [ "$HOOKSWITCH_CALLED" = '$(id); +3185' ] && ANSWER"""
        self.start([shell("desk", script)], [route("*", "desk")])
        body = tool_calls("x" * 300_000, caller="+31\0", called="$(id); +3185")
        self.assertEqual(only_result(post(self.daemon.tcp, body)), "ok")

    def test_more_to_read_than_it_reads(self):
        handlers = [
            shell("nothing", "ANSWER"),
            shell("little", "head -c 1000 >/dev/null; exec <&-; ANSWER"),
            shell("all", """[ "$(wc -c)" -gt 500000 ] && ANSWER"""),
        ]
        self.start(handlers, [route("*", h["name"], tool=h["name"] + "*") for h in handlers])
        for handler in handlers:
            with self.subTest(handler["name"]):
                body = tool_calls((handler["name"], {"text": "x" * 500_000}))
                self.assertEqual(only_result(post(self.daemon.tcp, body)), "ok")

    def test_what_is_no_answer(self):
        cases = {  # script -> what the log says
            "ANSWER; exit 3": "the program exited with status 3",
            "ANSWER; kill -9 $$": "the program was killed by signal 9",
            "echo whatever": "its answer is not JSON",
            "ANSWER; ANSWER": "its answer is not JSON",
            """echo '{"id":"other","reply":{"result":"x"}}'""": "its answer is for another event",
            """echo '{"error":{"message":"CRM is down"}}'""": "CRM is down",
            "head -c 3000 /dev/zero; ANSWER": "the program was killed: it wrote more than 2048 bytes",
            "yes": "the program was killed: it wrote more than 2048 bytes",
        }
        handlers = [shell(f"case{i}", script, max_output="2KiB") for i, script in enumerate(cases)]
        gone = {"name": "gone", "type": "exec", "command": ["./gone.sh"]}
        text = config(
            handlers=[*handlers, gone],
            routes=[route("*", h["name"], tool=h["name"], fallback=FALLBACK) for h in [*handlers, gone]],
        )
        daemon = Daemon(text)
        daemon.write("gone.sh", "#!/bin/sh\n").chmod(0o700)
        with daemon:
            (daemon.directory / "gone.sh").unlink()
            for name, why in [*((f"case{i}", why) for i, why in enumerate(cases.values())),
                              ("gone", "start ./gone.sh: No such file or directory")]:
                with self.subTest(why):
                    self.assertEqual(only_result(post(daemon.tcp, tool_calls(name))), "fallback")
                    said = daemon.wait_for("handler.failed", handler=name)["why"]
                    self.assertTrue(said.startswith(why), said)
        self.assertNotIn("whatever", daemon.text())

    def test_nothing_to_say(self):
        self.start([shell("desk", "cat >/dev/null; echo")],
                   [route("assistant-request", "desk"), route("tool-calls", "desk", fallback=FALLBACK)])
        self.assertEqual(post(self.daemon.tcp, event_body("assistant-request")).json(), {})
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("any"))), "fallback")
        self.assertEqual(self.daemon.records("handler.failed"), [], "it is no failure")

    def test_standard_error_is_logged_with_the_call(self):
        script = r"""printf 'first\nsecond "quoted"\n{"level":"error"}\nlast' >&2; ANSWER"""
        flood = "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done >&2; ANSWER"
        self.start([shell("desk", script), shell("flood", flood)],
                   [route("*", "desk", tool="desk"), route("*", "flood", tool="flood")])
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("desk", call_id="call-7"))), "ok")
        for line in ("first", 'second "quoted"', '{"level":"error"}', "last"):
            record = self.daemon.wait_for("exec.stderr", line=line)
            self.assertEqual((record["handler"], record["call"]), ("desk", "call-7"))
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("flood"))), "ok")
        held_back = int(self.daemon.wait_for("exec.stderr", handler="flood", suppressed=re.compile("."))["suppressed"])
        logged = len(self.daemon.records("exec.stderr", handler="flood", line=re.compile(".")))
        self.assertLess(logged, 1000)
        self.assertGreater(held_back, 0)


class Examples(ExecTest):
    def example(self, name, **more):
        return {"name": name, "type": "exec", "command": [str(EXAMPLES / name)], **more}

    def test_opening_hours(self):
        self.start([self.example("opening_hours.sh")], [route("tool-calls", "opening_hours.sh")])
        said = only_result(post(self.daemon.tcp, tool_calls("opening_hours")))
        self.assertRegex(said, "^We are (open|closed)")
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("x"))), {"error": "There is no such tool."})

    def test_reports_are_kept(self):
        handler = self.example("keep_report.py", environment={"REPORTS": "reports"})
        text = config(handlers=[handler], routes=[route("*", "keep_report.py")], journal=DURABLE)
        self.daemon = Daemon(text)
        (self.daemon.directory / "reports").mkdir()
        self.enterContext(self.daemon)
        post(self.daemon.tcp, event_body("end-of-call-report", summary="Afspraak gemaakt: één uur."))
        event = self.daemon.wait_for("event.delivered")
        (file,) = (self.daemon.directory / "reports").iterdir()
        self.assertEqual(file.name, event["id"] + ".json")
        self.assertEqual(json.loads(file.read_text())["report"]["summary"], "Afspraak gemaakt: één uur.")
        self.daemon.wait_for("exec.stderr", line="kept " + event["id"])


class Ends(ExecTest):
    def test_a_child_that_holds_the_pipe_is_not_waited_for(self):
        handlers = [
            shell("background", "sleep 600 & echo $! >pid; ANSWER"),
            shell("escaped", "setsid sh -c 'echo $$ >escaped; exec sleep 600' & while ! [ -s escaped ]; do :; done; ANSWER"),
        ]
        self.start(handlers, [route("*", h["name"], tool=h["name"], fallback=FALLBACK) for h in handlers])
        for handler in handlers:
            self.assertEqual(only_result(post(self.daemon.tcp, tool_calls(handler["name"]))), "ok")
        left = int((self.daemon.directory / "pid").read_text())
        await_that(lambda: not alive(left), "what it left in its group ends with it")
        escaped = int((self.daemon.directory / "escaped").read_text())
        self.assertTrue(alive(escaped), "it said that it wants to stay")
        os.kill(escaped, signal.SIGKILL)

    def test_the_deadline_ends_its_whole_group(self):
        script = "sleep 600 & echo $! >child; echo $$ >pid; wait"
        self.start([shell("held", script)], [route("*", "held", timeout="500ms", fallback=FALLBACK)])
        asked = time.monotonic()
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("any"))), "fallback")
        self.assertLess(time.monotonic() - asked, 5)
        self.daemon.wait_for("exec.killed", handler="held", why="it had not exited by its deadline")
        for name in ("child", "pid"):
            pid = int((self.daemon.directory / name).read_text())
            await_that(lambda: not alive(pid), f"the {name} is gone")
        self.await_metric("handler_cut_off_total", 1)
        self.await_metric("handler_slots_busy", 0)

    def test_one_that_does_not_go_keeps_its_slot_until_it_has(self):
        routes = [route("tool-calls", "held", tool="early", timeout="200ms", fallback=FALLBACK),
                  route("tool-calls", "held", tool="hang", timeout="1500ms", fallback=FALLBACK)]
        self.start_puppet("--stubborn", routes=routes, concurrency=1, queue=1)
        asking = self.ask("hang")
        hung = self.control.event().worker
        self.assertEqual(only_result(asking.answer()), "fallback")
        self.daemon.wait_for("exec.killed", pid=hung.pid)
        # SIGTERM does not end it, and SIGKILL is a second away.
        self.assertEqual(only_result(self.ask("early").answer()), "fallback", "no second one beside it")
        self.assertTrue(self.control.idle())
        hung.wait_gone()
        self.await_metric("handler_slots_busy", 0)
        asking = self.ask("next")
        answer(self.control.event(), {"result": "served"})
        self.assertEqual(only_result(asking.answer()), "served")
        self.assertEqual(self.metric("handler_cut_off_total"), 1)

    def test_slots_and_queue_are_bounded(self):
        self.start_puppet(concurrency=2, queue=1)
        self.assertEqual(self.metric("handler_slots"), 2)
        held = [self.ask("held") for _ in range(2)]
        events = [self.control.event() for _ in held]
        queued = self.ask("queued")
        self.await_metric("handler_queued_events", 1)
        started = time.monotonic()
        self.assertEqual(only_result(self.ask("refused").answer()), "fallback")
        self.assertLess(time.monotonic() - started, 5, "at once, not at the deadline")
        self.assertEqual(self.metric("handler_refused_total"), 1)
        self.assertEqual(self.metric("handler_slots_busy"), 2)
        self.assertEqual(only_result(self.ask("healthy").answer()), "ok")
        self.assertTrue(self.control.idle())
        for event in events:
            answer(event, {"result": event.tool})
        self.assertEqual([only_result(a.answer()) for a in held], ["held", "held"])
        event = self.control.event()
        self.assertEqual(event.tool, "queued")
        answer(event, {"result": "served"})
        self.assertEqual(only_result(queued.answer()), "served")

    def test_a_stop_waits_for_what_is_in_work(self):
        daemon = self.start_puppet()
        asking = self.ask("last")
        event = self.control.event()
        daemon.terminate()
        daemon.wait_for("server.stopping")
        answer(event, {"result": "served"})
        self.assertEqual(only_result(asking.answer()), "served")
        daemon.expect_exit(0)

    def test_a_stop_ends_what_does_not_end(self):
        daemon = self.start_puppet("--stubborn", server={"drain_timeout": "300ms"})
        self.ask("hang")
        hung = self.control.event().worker
        daemon.stop()
        hung.wait_gone()
        self.assertFalse(alive(hung.pid))

    def test_a_reload_lets_it_finish(self):
        daemon = self.start_puppet()
        old = self.ask("old")
        event = self.control.event()
        routes = [route("tool-calls", "held", fallback=FALLBACK)]
        daemon.reload(config(handlers=[shell("held", "ANSWER")], routes=routes, admin={}))
        self.assertEqual(only_result(self.ask("new").answer()), "ok")
        answer(event, {"result": "served"})
        self.assertEqual(only_result(old.answer()), "served")
        self.await_metric("handler_slots", 16)


class ToldOnly(ExecTest):
    def start_told(self, timeout="9s", **settings):
        routes = [route("status-update", "held", timeout=timeout)]
        return self.start_puppet(routes=routes, journal=DURABLE, retry=[STEP] * 3, **settings)

    def test_it_is_tried_again_until_it_succeeds(self):
        daemon = self.start_told()
        self.assertEqual(post(daemon.tcp, event_body("status-update")).json(), {})
        first = self.control.event()
        first.worker.exit(75)
        second = self.control.event()
        self.assertEqual((second["attempt"], second.worker.environment["HOOKSWITCH_ATTEMPT"]), (2, "2"))
        second.worker.exit(0)
        daemon.wait_for("event.delivered", id=first["id"], attempt=2)
        self.assertEqual(daemon.records("delivery.retry")[0]["why"], "the program exited with status 75")

    def test_it_says_that_it_will_never_do(self):
        daemon = self.start_told()
        post(daemon.tcp, event_body("status-update"))
        event = self.control.event()
        event.fail("no such customer", retry=False)
        event.worker.exit(0)
        daemon.wait_for("delivery.dead", id=event["id"], attempt=1, why="no such customer")

    def test_a_deadline_passes(self):
        daemon = self.start_told(timeout="1500ms")
        post(daemon.tcp, event_body("status-update"))
        hung = self.control.event().worker
        daemon.wait_for("delivery.retry", why=re.compile("killed: it had not exited by its deadline"))
        hung.wait_gone()
        again = self.control.event()
        again.worker.exit(0)
        self.assertEqual(again["attempt"], 2)

    def test_callers_go_first(self):
        daemon = self.start_told(concurrency=1, queue=10)
        post(daemon.tcp, event_body("status-update", status="first"))
        first = self.control.event()
        post(daemon.tcp, event_body("status-update", status="second"))
        asking = self.ask("caller")
        self.await_metric("handler_queued_events", 1)
        first.worker.exit(0)
        event = self.control.event()
        self.assertEqual(event.tool, "caller")
        answer(event, {"result": "served"})
        self.assertEqual(only_result(asking.answer()), "served")
        self.control.event().worker.exit(0)


if __name__ == "__main__":
    unittest.main()
