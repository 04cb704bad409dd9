"""hookswitch simulate: whole calls played at a real daemon, and at receivers that behave badly."""

import json
import tempfile
import threading
import unittest
from pathlib import Path

from control import Control
from receiver import CLOSE, HANG, Receiver
from simulation import SCENARIOS, Platform, recorded, scenario, simulate, tools
from support import Daemon, await_that, config, reply, route, run, worker

DIALECTS = ("camel", "snake", "late", "legacy")
HANGUP = {"hangup": True}

GREETING = reply(
    "greeting",
    {"assistant": {"first_message": "Good day, ${caller}.", "metadata": {"crm": 12}}, "max_duration_seconds": 240},
    case=[{"when": {"caller": "+31900*"}, "reply": {"error": "Closed."}}],
)

RECEPTION = dict(
    handlers=[GREETING, reply("table", {"result": {"open": True}}), reply("text", {"result": "Jan Voorbeeld"}),
              reply("mistake", {"error": "Not today."})],
    routes=[
        route("assistant-request", "greeting"),
        route("tool-calls", "table", tool=["opening_hours", "check_availability", "book_appointment"]),
        route("tool-calls", "text", tool=["lookup_contact", "send_task"]),
        route("tool-calls", "mistake", tool="mistake"),
    ],
)


class Played(unittest.TestCase):
    """Scenarios at a daemon that is a small reception."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(Daemon(config(**RECEPTION)))
        cls.url = f"http://{cls.daemon.tcp}/webhook"

    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))

    def simulate(self, *scenarios, options=("--compare",), **more):
        return simulate(self.directory, self.url, *scenarios, options=options, **more)

    def assert_good(self, outcome):
        self.assertEqual(outcome.status, 0, str(outcome))
        self.assertTrue(outcome["ok"])

    def test_the_scenarios_of_the_project(self):
        needs_more = {"transfer", "commands"}  # played where there is a REST API
        names = sorted(file.stem for file in SCENARIOS.glob("*.toml") if file.stem not in needs_more)
        self.assertGreaterEqual(len(names), 13)
        outcome = self.simulate(*names, options=["--compare", "--speed", "10"])
        self.assert_good(outcome)
        self.assertEqual(outcome["compare"], {"equal": len(names), "different": 0})
        self.assertEqual(outcome["calls"]["settled"], len(names))
        self.assertEqual(outcome["calls"]["statuses"]["rejected"], 1)
        self.assertEqual(outcome["calls"]["end_reasons"]["max_duration"], 1)

    def test_what_comes_back_in_every_dialect(self):
        for dialect in DIALECTS:
            with self.subTest(dialect):
                text = dialect == "legacy"  # which knows no other results
                greeting = "first_message" if dialect in ("snake", "late") else "firstMessage"
                limit = {"maxDurationSeconds" if dialect == "camel" else "max_duration_seconds": 240}
                wanted = {"assistant": {greeting: "Good day, +31612345678."}, **({} if text else limit)}
                file = scenario(
                    self.directory, dialect, dialect=dialect,
                    steps=[{"user": "Hello"}, tools("opening_hours", "lookup_contact"), tools("mistake"), HANGUP],
                    expect={
                        "configuration": "assistant",
                        "reply": wanted,
                        "tool_results": {
                            "opening_hours": '{"open":true}' if text else {"open": True},
                            "lookup_contact": "Jan Voorbeeld",
                            "mistake": '{"error":"Not today."}' if text else {"error": "Not today."},
                        },
                        "said": ["Good day, +31612345678.", "Jan Voorbeeld"],
                        "status": "ended", "end_reason": "user_hangup", "deliveries": 6,
                    })
                outcome = self.simulate(file)
                self.assert_good(outcome)
                self.assertEqual(outcome["tools"]["results"] + outcome["tools"]["errors"], 3)

    def test_a_difference_is_named_and_fails(self):
        file = scenario(self.directory, steps=[tools("opening_hours")],
                        expect={"tool_results": {"opening_hours": {"open": False}}, "status": "transferred"})
        outcome = self.simulate(file)
        self.assertEqual(outcome.status, 1)
        self.assertFalse(outcome["ok"])
        problems = "\n".join(outcome["problems"])
        self.assertIn("tool_results.opening_hours.open: expected false, got true", problems)
        self.assertIn("status: expected transferred, got ended", problems)
        self.assertEqual(self.simulate(file, options=[]).status, 0)  # nobody asked

    def test_the_story_is_told(self):
        file = scenario(self.directory, steps=[{"user": "Hello"}, tools("lookup_contact"), HANGUP])
        outcome = self.simulate(file, as_json=False)
        self.assertEqual(outcome.status, 0, str(outcome))
        for line in ("assistant: Good day, +31612345678.", "user: Hello", "assistant: Jan Voorbeeld",
                     "ended (user_hangup)", "1 calls in", "1 as expected, 0 different"):
            self.assertIn(line, outcome.out)
        outcome = self.simulate(file, file, as_json=False, options=["--call-ids", "rest"])
        self.assertEqual(len({line.split()[0] for line in outcome.out.splitlines() if "user: Hello" in line}), 2)

    def test_a_recording_replays(self):
        file = self.directory / "calls.jsonl"
        names = ["inbound-camel", "inbound-snake", "inbound-late", "inbound-legacy", "tools-parallel", "outbound", "web"]
        outcome = self.simulate(*names, options=["--record", file, "--speed", "100"])
        self.assert_good(outcome)
        lines = recorded(file)
        sent = sum(event["sent"] for event in outcome["events"].values())
        self.assertEqual(len(lines), sent)
        with Daemon(config(**RECEPTION)) as fresh:
            done = run("replay", "--to", f"http://{fresh.tcp}", "--secret-file", fresh.directory / "secret",
                       "--compare", "--json", file)
            result = json.loads(done.stdout)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual((result["equal"], result["duplicates"]), (sent, 0))

    def test_the_report_has_the_transcript(self):
        file = self.directory / "calls.jsonl"
        played = scenario(self.directory, dialect="snake", summary="Short.",
                          steps=[{"user": "Hello"}, tools("opening_hours"), {"assistant": "We are open."}, HANGUP])
        self.assert_good(self.simulate(played, options=["--record", file]))
        report = json.loads(recorded(file)[-1]["body"])["message"]
        self.assertEqual(report["type"], "end-of-call-report")
        self.assertEqual(report["summary"], "Short.")
        self.assertEqual(report["assistant"]["metadata"], {"crm": 12})
        self.assertEqual(
            [(m["role"], m["content"]) for m in report["messages"]],
            [("assistant", "Good day, +31612345678."), ("user", "Hello"),
             ("system", 'opening_hours: {"open":true}'), ("assistant", "We are open.")])

    def test_faults_a_good_receiver_does_not_mind(self):
        faults = ["duplicate=30%", "reorder=30%", "delay=20%:20ms", "wrong-signature=30%"]
        options = ["--compare", "--calls", "40", "--concurrent", "10", "--speed", "100", "--seed", "7",
                   *(word for fault in faults for word in ("--fault", fault))]
        outcome = self.simulate("inbound-late", "tools-sequential", options=options)
        self.assert_good(outcome)
        self.assertGreater(outcome["duplicates"]["sent"], 20)
        self.assertEqual(outcome["duplicates"]["different"], 0)
        self.assertGreater(outcome["wrong_signatures"]["sent"], 20)
        self.assertEqual(outcome["wrong_signatures"]["accepted"], 0)

    def test_signatures(self):
        file = scenario(self.directory, steps=[HANGUP])
        for style, good in {"prefixed": True, "bare": True, "none": False, "wrong": False}.items():
            with self.subTest(style):
                outcome = self.simulate(file, options=["--signature", style])
                self.assertEqual(outcome.status, 0 if good else 1, str(outcome))
                self.assertEqual(outcome["events"]["status-update"]["refused"], 0 if good else 2)

    def test_load(self):
        outcome = self.simulate("tools-parallel", "web", "inbound-legacy",
                                options=["--compare", "--calls", "150", "--concurrent", "50", "--rate", "500",
                                         "--speed", "100"])
        self.assert_good(outcome)
        self.assertEqual(outcome["calls"]["settled"], 150)
        self.assertEqual(outcome["events"]["end-of-call-report"]["answered"], 150)
        self.assertEqual(outcome["events"]["assistant-request"]["answered"], 100)
        latency = outcome["events"]["tool-calls"]["latency_ms"]
        self.assertLessEqual(latency["p50"], latency["p99.9"])
        self.assertLessEqual(latency["p99.9"], latency["max"])


class Scripted(unittest.TestCase):
    """Receivers that hang, refuse, talk nonsense or are not there."""

    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))

    def play(self, answer, *options, steps=(HANGUP,), scenarios=None, **members):
        self.receiver = self.enterContext(Receiver(answer))
        file = scenario(self.directory, steps=steps, **members)
        return simulate(self.directory, self.receiver.url, *(scenarios or [file]), options=options)

    def test_an_assistant_request_that_hangs(self):
        outcome = self.play(lambda got: HANG if got.type == "assistant-request" else {}, "--compare",
                            "--assistant-limit", "300ms",
                            assistant={"first_message": "Saved."},
                            expect={"configuration": "default", "said": ["Saved."], "status": "ended"})
        self.assertEqual(outcome["compare"], {"equal": 1, "different": 0}, str(outcome))
        self.assertEqual(outcome["events"]["assistant-request"]["late"], 1)
        self.assertEqual(outcome.status, 1)  # a missed deadline
        self.assertIn("assistant-request: no answer within 0.3 s", outcome["problems"][0])

    def test_an_assistant_request_answered_unusably(self):
        for name, answer in {"status": (500, {}), "no JSON": (200, b"<html>"), "no object": (200, [])}.items():
            for options, status in {(): "ended", ("--unusable", "reject"): "rejected"}.items():
                with self.subTest(name, options=options):
                    outcome = self.play(lambda got: answer if got.type == "assistant-request" else {}, *options)
                    self.assertEqual(outcome["calls"]["statuses"], {status: 1})

    def test_a_tool_that_hangs(self):
        text = "The tool did not answer in time."
        outcome = self.play(lambda got: HANG if got.type == "tool-calls" else {}, "--compare", "--tool-limit", "300ms",
                            steps=[tools("slow"), {"assistant": "Later."}, HANGUP],
                            expect={"tool_results": {"slow": text}, "said": [text, "Later."], "status": "ended"})
        self.assertEqual(outcome["compare"]["equal"], 1, str(outcome))
        self.assertEqual(outcome["events"]["tool-calls"]["late"], 1)
        self.assertEqual(outcome["tools"]["errors"], 1)
        self.assertEqual(outcome.status, 1)

    def test_all_formats_of_a_tool_answer(self):
        answers = {
            "object": lambda i: {"results": [{"toolCallId": i, "result": {"x": 1}}]},
            "simple": lambda i: {"result": {"x": 1}},
            "direct": lambda i: {"x": 1},
            "error": lambda i: {"error": "No."},
        }

        def answer(got):
            if got.type != "tool-calls":
                return {}
            (call,) = got.message["toolCallList"]
            return answers[call["function"]["name"]](call["id"])

        outcome = self.play(answer, "--compare", steps=[tools(name) for name in answers],
                            expect={"tool_results": {n: "No." if n == "error" else {"x": 1} for n in answers}})
        self.assertEqual(outcome.status, 0, str(outcome))
        self.assertEqual(outcome["tools"], {"results": 3, "errors": 1})

    def test_hybrid_answers_and_limits(self):
        def answer(got):
            if got.type != "assistant-request":
                return {}
            return {"assistant_id": "17a0", "assistant_override": {"first_message": "Hi.", "metadata": {"a": 1}},
                    "max_duration_seconds": 90}

        outcome = self.play(answer, dialect="late", steps=[{"user": "And then"}, {"max_duration": True}],
                            assistant={"first_message": "Saved.", "tts_config": {"voice_id": "v"}})
        self.assertEqual(outcome.status, 0, str(outcome))
        (report,) = self.receiver.of("end-of-call-report")
        self.assertEqual(report.message["duration_seconds"], 90)
        self.assertEqual(report.message["end_reason"], "max_duration")
        self.assertEqual(report.message["assistant"],
                         {"first_message": "Hi.", "tts_config": {"voice_id": "v"}, "metadata": {"a": 1}})

    def test_a_time_limit_ends_the_call_while_it_waits(self):
        outcome = self.play(lambda got: {"maxDurationSeconds": 60} if got.type == "assistant-request" else {},
                            "--compare", "--speed", "300", steps=[{"wait": "2h"}],
                            expect={"end_reason": "max_duration", "status": "ended"})
        self.assertEqual(outcome.status, 0, str(outcome))

    def test_where_webhooks_go(self):
        own = "an assistant's own secret"

        def answer(got):
            if got.type == "assistant-request":
                return {"assistant": {"webhook_url": f"http://{self.receiver.address}/own", "webhook_secret": own}}
            return {}

        self.receiver = self.enterContext(Receiver(answer))
        tool = {"name": "a", "url": f"http://{self.receiver.address}/tool"}
        file = scenario(self.directory, dialect="snake", steps=[tools(tool, "b"), HANGUP])
        outcome = simulate(self.directory, self.receiver.url, file)
        self.assertEqual(outcome.status, 0, str(outcome))
        paths = sorted((got.path, got.type) for got in self.receiver.got)
        self.assertEqual(paths, [("/own", "end-of-call-report"), ("/own", "status-update"), ("/own", "status-update"),
                                 ("/own", "tool-calls"), ("/tool", "tool-calls"), ("/webhook", "assistant-request")])
        for got in self.receiver.got:
            # Which secret signs where a tool has only a URL is not documented: here, that of its call.
            self.assertEqual(got.signed_with(own), got.path != "/webhook", got.path)
            self.assertEqual(got.headers["User-Agent"], "HMS-Sovereign/1.0")
            self.assertEqual(got.headers["X-Webhook-Event"], got.type)

    def test_tools_as_the_assistant_defines_them(self):
        def answer(got):
            if got.type != "assistant-request":
                return {"result": "Done."}
            own = {"url": f"http://{self.receiver.address}/own", "secret": "the tool's own"}
            return {"assistant": {"llm_config": {"provider": "openai", "model": "m", "tools": [
                {"name": "later", "async": True, "async_response": "I am on it."},
                {"type": "function", "function": {"name": "own"}, "server": own},
            ]}}}

        self.receiver = self.enterContext(Receiver(answer))
        file = scenario(self.directory, dialect="snake", steps=[tools("later", "own"), HANGUP],
                        expect={"said": ["I am on it.", "Done."], "tool_results": {"own": "Done."}})
        outcome = simulate(self.directory, self.receiver.url, file, options=["--compare"])
        self.assertEqual(outcome.status, 0, str(outcome))
        for got in self.receiver.of("tool-calls"):
            (call,) = got.message["tool_call_list"]
            self.assertEqual(got.path, "/own" if call["function"]["name"] == "own" else "/webhook")
            self.assertEqual(got.signed_with("the tool's own"), got.path == "/own")

    def test_events_that_are_not_wanted_are_not_sent(self):
        self.play(lambda got: {}, webhook_events=["tool-calls"], steps=[tools("a"), HANGUP])
        self.assertEqual(self.receiver.types(), ["tool-calls"])

    def test_attempts(self):
        seen = []

        def answer(got):
            seen.append(got.raw)
            return (503, {}) if seen.count(got.raw) == 1 else {}

        outcome = self.play(answer, "--attempts", "2", "--attempt-delay", "10ms")
        self.assertEqual(outcome.status, 0, str(outcome))
        self.assertEqual(sorted(self.receiver.types()), sorted(2 * ["assistant-request", "status-update",
                                                                    "status-update", "end-of-call-report"]))

    def test_an_async_tool_is_not_waited_for(self):
        outcome = self.play(lambda got: HANG if got.type == "tool-calls" else {}, "--tool-limit", "500ms",
                            steps=[tools("a", **{"async": True}), {"assistant": "Done."}, HANGUP])
        self.assertEqual(outcome["calls"]["settled"], 1)
        self.assertEqual(outcome["tools"], {"results": 0, "errors": 0})
        self.assertEqual(self.receiver.types()[-1], "end-of-call-report")

    def test_reordered(self):
        outcome = self.play(lambda got: {}, "--fault", "reorder=100%", steps=[tools("a"), HANGUP])
        self.assertEqual(outcome.status, 0, str(outcome))
        self.assertEqual(sorted(self.receiver.types()), sorted(["assistant-request", "status-update", "tool-calls",
                                                                "status-update", "end-of-call-report"]))
        self.assertEqual(self.receiver.types()[1], "tool-calls")

    def test_dropped_and_the_same_seed(self):
        counts = []
        for _ in range(2):
            outcome = self.play(lambda got: {}, "--fault", "drop=40%", "--seed", "11", "--calls", "20",
                                "--concurrent", "1", webhook_events=["status-update", "end-of-call-report"])
            self.assertEqual(outcome.status, 0, str(outcome))
            counts.append({name: (event["sent"], event["dropped"]) for name, event in outcome["events"].items()})
        self.assertEqual(counts[0], counts[1])
        self.assertGreater(sum(dropped for _, dropped in counts[0].values()), 10)

    def test_nobody_is_there(self):
        self.receiver = Receiver()
        with self.receiver:
            url = self.receiver.url
        outcome = simulate(self.directory, url, scenario(self.directory, steps=[HANGUP]))
        self.assertEqual(outcome.status, 1)
        self.assertEqual(outcome["events"]["status-update"]["failed"], 2)
        self.assertEqual(outcome["calls"]["statuses"], {"ended": 1})

    def test_a_connection_that_ends(self):
        outcome = self.play(lambda got: CLOSE if got.type == "assistant-request" else {})
        self.assertEqual(outcome["events"]["assistant-request"]["failed"], 1)
        self.assertEqual(outcome["calls"]["statuses"], {"ended": 1})

    def test_mistakes_in_scenarios(self):
        file = self.directory / "wrong.toml"
        file.write_text('[[step]]\nusr = "Hello"\n')
        outcome = simulate(self.directory, "http://127.0.0.1:1/", file, "nowhere", as_json=False)
        self.assertNotEqual(outcome.status, 0)
        self.assertIn(f"{file}:2:1: step[0].usr: unknown key; did you mean 'user'?", outcome.out + outcome.err)
        self.assertIn("no scenario 'nowhere'", outcome.out + outcome.err)


class Steered(unittest.TestCase):
    """Calls that are steered, and begun, over the REST API."""

    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))
        self.receiver = self.enterContext(Receiver(lambda got: self.answer(got)))

    def answer(self, got):
        return {}

    def platform(self, *scenarios, options=("--compare",)):
        return self.enterContext(Platform(self.directory, self.receiver.url, *scenarios, options=options))

    def wait_for(self, type, status=None, count=1):
        def found():
            return [got for got in self.receiver.of(type) if status in (None, got.status)]

        await_that(lambda: len(found()) >= count, f"{count} {type} {status}")
        return found()

    def report(self):
        return self.receiver.of("end-of-call-report")[0].message

    def test_commands(self):
        platform = self.platform("commands")
        call = self.wait_for("status-update", "in-progress")[0].call
        self.assertEqual(platform.control(call, type="say", content="One moment.", end_after=False)[0], 200)
        self.assertEqual(platform.control(call, type="inject-context", content="Code 4821.", trigger_response=True)[0], 200)
        self.assertEqual(platform.ask("GET", f"/calls/{call}")[1]["status"], "in-progress")
        self.assertEqual(platform.control(call, type="end-call", message="Goodbye.")[0], 200)
        outcome = platform.outcome()
        self.assertEqual(outcome.status, 0, str(outcome))
        self.assertEqual(outcome["commands"], {"end-call": 1, "inject-context": 1, "say": 1})
        lines = [(line["role"], line["content"]) for line in self.report()["messages"]]
        self.assertEqual(lines[1:], [("assistant", "One moment."), ("system", "Code 4821."), ("assistant", "Goodbye.")])

    def test_a_tool_call_that_leads_to_a_transfer(self):
        def act(call):
            self.assertEqual(
                platform.control(call, type="say", content="I put you through.", end_after=False)[0], 200)
            self.assertEqual(
                platform.control(call, type="transfer", destination="+31201234567", message="Hold on.")[0], 200)

        def answer(got):
            if got.type == "tool-calls":
                threading.Thread(target=act, args=[got.call]).start()
                return {"result": "Transferring."}
            return {}

        self.answer = answer
        platform = self.platform("transfer")
        outcome = platform.outcome()
        self.assertEqual(outcome.status, 0, str(outcome))
        self.assertEqual(outcome["calls"]["statuses"], {"transferred": 1})
        said = [line["content"] for line in self.report()["messages"] if line["role"] == "assistant"]
        self.assertIn("I put you through.", said)
        self.assertEqual(said[-1], "Hold on.")
        self.assertEqual(self.report()["end_reason"], "transferred")
        self.assertEqual([got.status for got in self.receiver.of("status-update")], ["in-progress", "transferred"])

    def test_say_and_hang_up(self):
        file = scenario(self.directory, dialect="late", steps=[{"await": "end-call", "within": "1h"}],
                        expect={"said": ["Bye."], "status": "ended", "end_reason": "assistant_hangup"})
        platform = self.platform(file)
        call = self.wait_for("status-update", "in-progress")[0].call
        self.assertEqual(platform.control(call, type="say", content="Bye.", end_after=True)[0], 200)
        outcome = platform.outcome()
        self.assertEqual(outcome.status, 0, str(outcome))

    def test_a_command_that_does_not_come(self):
        file = scenario(self.directory, steps=[{"await": "say", "within": "50ms"}, {"assistant": "Still here?"}])
        outcome = self.platform(file).outcome()
        self.assertEqual(outcome.status, 1)
        self.assertIn("step 1: no command came in time", outcome["problems"][0])

    def test_only_calls_in_progress_take_commands(self):
        file = scenario(self.directory, rings="1h", steps=[HANGUP])
        platform = self.platform(file, options=["--stay"])
        await_that(lambda: platform.ask("GET", "/calls")[1]["calls"], "a call")
        (call,) = platform.ask("GET", "/calls")[1]["calls"]
        self.assertEqual(platform.control(call["id"], type="end-call")[0], 400)
        self.assertEqual(platform.control("nobody", type="end-call")[0], 404)
        outcome = platform.outcome(interrupt=True)
        self.assertEqual(outcome["stopped"], "interrupted")
        self.assertEqual(outcome.status, 130)
        self.assertIn("hookswitch: simulate: interrupted\n", outcome.err)

    def test_outbound(self):
        platform = self.platform(options=["--talk", "300ms", "--era", "late"])
        (agent,) = platform.ask("GET", "/assistants")[1]["assistants"]
        status, made = platform.ask("POST", "/calls/outbound", {
            "destination": "+31612345678", "assistant_id": agent["id"],
            "assistant_override": {"first_message": "I call about your order.", "metadata": {"order": 42}}})
        self.assertEqual((status, made["status"]), (200, "dialing"))
        (report,) = self.wait_for("end-of-call-report")
        self.assertEqual(report.call, made["call_id"])
        self.assertEqual(report.message["call"]["type"], "outbound_phone_call")
        self.assertEqual(report.message["customer"]["number"], "+31612345678")
        self.assertEqual(report.message["assistant"]["metadata"], {"order": 42})
        self.assertEqual(report.message["messages"][0]["content"], "I call about your order.")
        self.assertNotIn("assistant-request", self.receiver.types())
        await_that(lambda: platform.ask("GET", f"/calls/{made['call_id']}")[1]["status"] == "ended", "the end")

    def test_a_campaign(self):
        platform = self.platform(options=["--talk", "100ms"])
        (agent,) = platform.ask("GET", "/agents")[1]["agents"]
        campaign = platform.ask("POST", "/campaigns", {
            "name": "Autumn", "agent_id": agent["id"], "schedule_start_time": "00:00:00",
            "schedule_end_time": "23:59:59", "timezone": "Europe/Amsterdam"})[1]["campaign"]
        numbers = [f"+3161234567{i}" for i in range(7)]
        for number in numbers:
            self.assertIn(
                platform.ask("POST", f"/campaigns/{campaign['id']}/leads", {"phone_number": number})[0],
                (200, 201))
        self.assertEqual(platform.ask("PATCH", f"/campaigns/{campaign['id']}", {"status": "scheduled"})[0], 200)
        reports = self.wait_for("end-of-call-report", count=len(numbers))
        self.assertEqual(sorted(got.message["customer"]["number"] for got in reports), numbers)
        await_that(lambda: platform.ask("GET", f"/campaigns/{campaign['id']}")[1]["campaign"]["status"] == "completed",
                   "the end of the campaign")


class Hanging(unittest.TestCase):
    """The issue's own test: half of the tool handlers hang, and nobody on the line notices."""

    CALLS = 200

    def test_every_answer_is_in_time(self):
        control = self.enterContext(Control())
        fallback = {"result": "One moment please."}
        text = config(
            handlers=[
                worker("held", "puppet.py", control=control, concurrency=256, max_missed=1000, hang_timeout="600s"),
                reply("fixed", {"result": "ok"}), GREETING,
            ],
            routes=[
                route("assistant-request", "greeting"),
                route("tool-calls", "held", tool="hanging", timeout="2s", fallback=fallback),
                route("tool-calls", "fixed", tool="healthy"),
            ],
        )
        with Daemon(text) as daemon, tempfile.TemporaryDirectory(prefix="hs-") as directory:
            healthy = scenario(directory, "healthy", dialect="camel",
                               steps=[tools("healthy"), tools("healthy", "healthy"), HANGUP],
                               expect={"tool_results": {"healthy": "ok"}, "deliveries": 6})
            hanging = scenario(directory, "hanging", dialect="snake",
                               steps=[tools("hanging", "healthy"), tools("hanging"), HANGUP],
                               expect={"tool_results": {"healthy": "ok", "hanging": fallback["result"]},
                                       "deliveries": 6})
            outcome = simulate(directory, f"http://{daemon.tcp}/webhook", healthy, hanging,
                               options=["--compare", "--calls", self.CALLS, "--concurrent", self.CALLS])
            self.assertEqual(outcome.status, 0, str(outcome))
            self.assertEqual(outcome["calls"]["settled"], self.CALLS)
            self.assertEqual(outcome["events"]["tool-calls"]["answered"], 2 * self.CALLS)
            self.assertEqual([event["late"] for event in outcome["events"].values()], [0] * 4)
            self.assertLess(outcome["events"]["tool-calls"]["latency_ms"]["max"], 10_000)
            self.assertLess(outcome["events"]["assistant-request"]["latency_ms"]["max"], 5_000)


if __name__ == "__main__":
    unittest.main()
