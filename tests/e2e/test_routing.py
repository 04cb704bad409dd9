"""Which handler gets an event, and how its answer goes back in the dialect of the request."""

import json
import unittest

from control import Control
from deliveries import Asking, event_body, only_result, post, tool_calls
from support import Daemon, config, fixture, reply, route, source, worker

NOT_AVAILABLE = {"error": "This tool is not available."}


class Matching(unittest.TestCase):
    """One daemon with one long list of routes; each says which of them answered."""

    @classmethod
    def setUpClass(cls):
        matches = [
            # name, what it wants
            ("exact", {"tool": "lookup_contact"}),
            ("star", {"tool": "lookup_*"}),
            ("question mark", {"tool": "cancel_?"}),
            ("array", {"tool": ["book", "rebook_*"]}),
            ("source", {"tool": "by_source", "source": "other"}),
            ("caller", {"tool": "by_number", "caller": "+316*"}),
            ("called", {"tool": "by_number", "called": ["+3120*", "+3185*"]}),
            ("outbound", {"tool": "by_direction", "direction": "outbound"}),
            ("web", {"tool": "by_direction", "direction": "web"}),
            ("status", {"tool": "by_status", "status": "ri*"}),
            ("both", {"tool": "both", "caller": "+31612345678", "status": "in-progress"}),
            ("never", {"tool": "lookup_contact"}),
            ("star in the middle", {"tool": "a*b*c"}),
        ]
        handlers = [reply(name, {"result": name}) for name, _ in matches]
        routes = [route("tool-calls", name, **wants) for name, wants in matches]
        for status in ("ringing", "odd"):
            handlers.append(reply(f"greet {status}", {"assistant": {"first_message": status}}))
            routes.append(route("assistant-request", f"greet {status}", status=status))
        cls.daemon = cls.enterClassContext(
            Daemon(
                config(
                    sources=[source(), source("other", "/other"), source("third", "/third")],
                    handlers=handlers,
                    routes=routes,
                )
            )
        )

    def assert_routed(self, tool, handler, path="/webhook", **more):
        response = post(self.daemon.tcp, tool_calls(tool, **more), path=path)
        self.assertEqual(only_result(response), handler or NOT_AVAILABLE)

    def test_tool_names(self):
        for tool, handler in {
            "lookup_contact": "exact",
            "lookup_contacts": "star",
            "lookup_": "star",
            "Lookup_contact": None,
            "xlookup_contact": None,
            "cancel_1": "question mark",
            "cancel_": None,
            "cancel_12": None,
            "book": "array",
            "rebook_2": "array",
            "booking": None,
            "a1b2c": "star in the middle",
            "abc": "star in the middle",
            "abbbcxc": "star in the middle",
            "acb": None,
            "": None,
            "*": None,
        }.items():
            with self.subTest(tool):
                self.assert_routed(tool, handler)

    def test_other_members(self):
        self.assert_routed("by_source", None)
        self.assert_routed("by_source", "source", path="/other")
        self.assert_routed("by_source", None, path="/third")
        self.assert_routed("by_number", "caller", caller="+31612345678", called="+31201234567")
        self.assert_routed("by_number", "called", caller="+31201234567", called="+31201234567")
        self.assert_routed("by_number", None, caller="+31201234567", called="+49201234567")
        self.assert_routed("by_number", None, caller=None, called=None)
        self.assert_routed("by_direction", None)
        self.assert_routed("by_direction", "outbound", direction="outbound")
        self.assert_routed("by_direction", "web", direction="web", caller=None, called=None)
        self.assert_routed("by_status", "status", status="ringing")
        self.assert_routed("by_status", None, status="ended")

    def test_all_that_is_named_must_match(self):
        self.assert_routed("both", "both")
        self.assert_routed("both", None, caller="+31612345679")
        self.assert_routed("both", None, status="ended")

    def test_every_dialect_is_routed_alike(self):
        for dialect in ("camel", "snake", "legacy"):
            body = tool_calls(("t1", "lookup_contact", {}), ("t2", "nobody", {}), dialect=dialect)
            response = post(self.daemon.tcp, body)
            values = [r["result"] for r in response.json()["results"]]
            error = json.dumps(NOT_AVAILABLE)
            self.assertEqual(values[0], "exact")
            self.assertEqual(json.loads(values[1]) if dialect == "legacy" else values[1], json.loads(error))

    def test_assistant_requests(self):
        for status, expected in {"ringing": "ringing", "odd": "odd", "even": None}.items():
            answer = post(self.daemon.tcp, event_body("assistant-request", status=status)).json()
            self.assertEqual(answer, {"assistant": {"firstMessage": expected}} if expected else {})

    def test_each_call_of_a_fan_out_is_routed_by_its_own_name(self):
        names = ["book", "nobody", "lookup_contact", "lookup_x", "cancel_1"]
        for dialect, key in (("camel", "toolCallId"), ("snake", "tool_call_id")):
            body = tool_calls(*[(f"id{n}", name, {}) for n, name in enumerate(names)], dialect=dialect)
            self.assertEqual(
                post(self.daemon.tcp, body).json(),
                {
                    "results": [
                        {key: "id0", "result": "array"},
                        {key: "id1", "result": NOT_AVAILABLE},
                        {key: "id2", "result": "exact"},
                        {key: "id3", "result": "star"},
                        {key: "id4", "result": "question mark"},
                    ]
                },
            )

    def test_a_big_fan_out(self):
        body = tool_calls(*[(f"id{n}", "lookup_x", {}) for n in range(200)])
        results = post(self.daemon.tcp, body).json()["results"]
        self.assertEqual([r["toolCallId"] for r in results], [f"id{n}" for n in range(200)])

    def test_the_same_id_twice(self):
        body = tool_calls(("same", "book", {}), ("same", "lookup_contact", {}))
        results = post(self.daemon.tcp, body).json()["results"]
        self.assertEqual([r["result"] for r in results], ["array", "exact"])


class FanOut(unittest.TestCase):
    def three_at_once(self, **pool):
        with Control() as control:
            text = config(
                handlers=[worker("held", "puppet.py", control=control, **pool)],
                routes=[route("tool-calls", "held")],
            )
            with Daemon(text) as daemon:
                body = fixture("camel-tool-calls-three.json")
                asking = Asking(daemon.tcp, body)
                # All three are out before the first is answered; the answers come back the other way round.
                events = [control.event() for _ in range(3)]
                for event in sorted(events, key=lambda e: e["tool_call"]["id"], reverse=True):
                    event.result(event.tool)
                self.assertEqual(
                    asking.answer().json()["results"],
                    [
                        {"toolCallId": "tool_0001", "result": "lookup_contact"},
                        {"toolCallId": "tool_0002", "result": "check_availability"},
                        {"toolCallId": "tool_0003", "result": "book_appointment"},
                    ],
                )

    def test_three_calls_at_once_in_one_worker(self):
        self.three_at_once(concurrency=3)

    def test_three_calls_at_once_in_three_workers(self):
        self.three_at_once(workers=3)

    def test_each_result_is_its_own(self):
        """A failure, a fallback, a built-in answer and a good one, side by side."""
        with Control() as control:
            text = config(
                handlers=[worker("held", "puppet.py", control=control, concurrency=9)],
                routes=[
                    route("tool-calls", "held", tool="good"),
                    route("tool-calls", "held", tool="says_no"),
                    route("tool-calls", "held", tool="fails", fallback={"result": "fallback of fails"}),
                    route("tool-calls", "held", tool="hangs", timeout="1s", fallback={"error": "too slow"}),
                ],
            )
            with Daemon(text) as daemon:
                names = ["good", "says_no", "fails", "hangs", "unknown"]
                asking = Asking(daemon.tcp, tool_calls(*names))
                for event in [control.event() for _ in range(4)]:
                    if event.tool == "good":
                        event.result({"n": 1})
                    elif event.tool == "says_no":
                        event.answer({"error": "No such contact"})
                    elif event.tool == "fails":
                        event.fail("CRM is down")
                self.assertEqual(
                    [r["result"] for r in asking.answer().json()["results"]],
                    [{"n": 1}, {"error": "No such contact"}, "fallback of fails", {"error": "too slow"}, NOT_AVAILABLE],
                )


class Answers(unittest.TestCase):
    """The forms of an answer, in each dialect."""

    @classmethod
    def setUpClass(cls):
        cls.control = cls.enterClassContext(Control())
        text = config(
            sources=[source()] + [source(d, f"/{d}", dialect=d) for d in ("auto", "camel", "snake", "legacy")],
            handlers=[worker("held", "puppet.py", control=cls.control)],
            routes=[route("assistant-request", "held"), route("tool-calls", "held")],
        )
        cls.daemon = cls.enterClassContext(Daemon(text))

    def answered(self, body, answer, path="/webhook"):
        asking = Asking(self.daemon.tcp, body, path=path)
        self.control.event().answer(answer)
        response = asking.answer()
        self.assertEqual(response.status, 200)
        return response.json()

    SNAKE = {
        "assistant": {
            "first_message": "Goedemorgen",
            "stt_config": {"provider": "deepgram", "model": "nova-3", "language": "nl"},
            "llm_config": {
                "provider": "openai",
                "model": "gpt-4.1",
                "temperature": 0.7,
                "messages": [{"role": "system", "content": "first_message {{schema}}"}],
                "tools": [
                    {"name": "x", "parameters": {"type": "object", "properties": {"voice_id": {"type": "string"}}}}
                ],
            },
            "tts_config": {"provider": "elevenlabs", "voice_id": "alloy", "model": "eleven_flash_v2_5"},
            "analysis_plan": {
                "structured_data_plan": {
                    "enabled": True,
                    "schema": {"type": "object", "properties": {"first_message": {"type": "string"}}},
                    "messages": [{"role": "system", "content": "{{transcript}}"}],
                },
                "min_messages_threshold": 2,
            },
            "metadata": {
                "crm_id": 9007199254740993,
                "voice_id": "mine",
                "analysis_plan": {"min_messages_threshold": None},
            },
        },
        "max_duration_seconds": 300,
    }
    CAMEL = {
        "assistant": {
            "firstMessage": "Goedemorgen",
            "stt_config": SNAKE["assistant"]["stt_config"],
            "llm_config": SNAKE["assistant"]["llm_config"],
            "tts_config": {"provider": "elevenlabs", "voiceId": "alloy", "model": "eleven_flash_v2_5"},
            "analysisPlan": {
                "structuredDataPlan": SNAKE["assistant"]["analysis_plan"]["structured_data_plan"],
                "minMessagesThreshold": 2,
            },
            "metadata": SNAKE["assistant"]["metadata"],
        },
        "maxDurationSeconds": 300,
    }

    def test_assistant_in_snake(self):
        self.assertEqual(self.answered(event_body("assistant-request", "snake"), self.SNAKE), self.SNAKE)

    def test_assistant_in_camel(self):
        self.assertEqual(self.answered(event_body("assistant-request", "camel"), self.SNAKE), self.CAMEL)

    def test_a_handler_that_thinks_in_camel_is_understood(self):
        self.assertEqual(self.answered(event_body("assistant-request", "snake"), self.CAMEL), self.SNAKE)
        self.assertEqual(self.answered(event_body("assistant-request", "camel"), self.CAMEL), self.CAMEL)

    def test_assistant_in_legacy(self):
        answer = self.answered(event_body("assistant-request", "legacy", caller="+31601"), self.SNAKE)
        assistant = answer["assistant"]
        self.assertEqual(assistant["firstMessage"], "Goedemorgen")
        self.assertEqual(assistant["analysisPlan"]["minMessagesThreshold"], 2)
        self.assertEqual(assistant["voice"]["voiceId"], "alloy")
        self.assertEqual(assistant["model"], self.SNAKE["assistant"]["llm_config"])
        self.assertEqual(assistant["transcriber"], self.SNAKE["assistant"]["stt_config"])
        self.assertEqual(assistant["metadata"], self.SNAKE["assistant"]["metadata"])
        self.assertIn(300, (assistant.get("maxDurationSeconds"), answer.get("maxDurationSeconds")))

    def test_hybrid_assistant_in_snake(self):
        hybrid = {
            "assistant_id": "17a0cb75-fa09-4bdd-9a44-92a70d829c88",
            "assistant_override": {"tts_config": {"voice_id": "x"}, "first_message": "Hello!", "metadata": {"a": 1}},
        }
        self.assertEqual(self.answered(event_body("assistant-request", "snake"), hybrid), hybrid)

    def test_refused_calls(self):
        for n, dialect in enumerate(("camel", "snake", "legacy")):
            body = event_body("assistant-request", dialect, caller=f"+3160{n}")
            refusal = {"error": "Sorry, we are currently closed."}
            self.assertEqual(self.answered(body, refusal), refusal)

    def test_an_empty_answer_keeps_the_saved_configuration(self):
        self.assertEqual(self.answered(event_body("assistant-request"), {}), {})

    def test_unknown_members_of_an_answer_pass(self):
        answer = {"assistant": {"first_message": "x", "new_thing": {"voice_id": 1}}, "later_addition": True}
        self.assertEqual(self.answered(event_body("assistant-request", "snake"), answer), answer)

    def test_what_a_body_leaves_open_is_said_by_the_source(self):
        for dialect, key in {"auto": "first_message", "snake": "first_message", "camel": "firstMessage",
                             "legacy": "firstMessage"}.items():
            message = {"type": "assistant-request", "customer": {"number": dialect}}
            body = json.dumps({"message": {**message, "timestamp": "2025-12-13T12:00:00.000Z"}}).encode()
            answer = self.answered(body, {"assistant": {"first_message": "Hi"}}, path=f"/{dialect}")
            self.assertEqual(answer, {"assistant": {key: "Hi"}}, dialect)

    def test_what_a_body_does_say_counts_more_than_the_source(self):
        body = event_body("assistant-request", "camel")
        answer = self.answered(body, {"assistant": {"first_message": "Hi"}}, "/snake")
        self.assertEqual(answer, {"assistant": {"firstMessage": "Hi"}})

    def test_results_of_any_kind(self):
        for value in ({"name": "Jan", "voice_id": 1, "first_message": "x"}, "text", "", 8, 0.5,
                      12345678901234567890, True, None, [], [1, [2]], {}, {"error": "data"}, "né🙂\u0000\"\\\n"):
            for dialect in ("camel", "snake", "legacy"):
                with self.subTest(value=value, dialect=dialect):
                    body = tool_calls(("tool_1", "any", {}), dialect=dialect)
                    answer = self.answered(body, {"result": value})
                    (entry,) = answer["results"]
                    self.assertEqual(entry.pop("tool_call_id" if dialect == "snake" else "toolCallId"), "tool_1")
                    got = entry.pop("result")
                    self.assertEqual(entry, {})
                    if dialect == "legacy" and not isinstance(value, str):
                        self.assertIsInstance(got, str)
                        got = json.loads(got)
                    self.assertEqual(got, value)
                    self.assertIs(type(got), type(value))

    def test_errors_are_results_that_the_model_can_read(self):
        for dialect in ("camel", "snake", "legacy"):
            answer = self.answered(tool_calls("any", dialect=dialect), {"error": "Contact not found"})
            result = answer["results"][0]["result"]
            if dialect == "legacy":
                result = json.loads(result)
            self.assertEqual(result, {"error": "Contact not found"})

    def test_ids_come_back_exactly(self):
        for name in ("tool_\u00e9\"\\/", "", "x" * 5000, "1e400"):
            answer = self.answered(tool_calls((name, "any", {})), {"result": 1})
            self.assertEqual(answer["results"][0]["toolCallId"], name)


if __name__ == "__main__":
    unittest.main()
