"""Every body of tests/fixtures, as a handler sees it."""

import base64
import functools
import json
import unittest
from datetime import datetime, timezone

from control import Control
from deliveries import event_body, post
from support import Daemon, config, fixture, fixture_index, reply, route, worker

INDEX = fixture_index()
WAITED_FOR = ("assistant-request", "tool-calls")
KEYS = {
    "id", "type", "source", "dialect", "sent_at", "received_at", "attempt", "deadline_ms", "call", "caller",
    "called", "called_name", "tool_call", "report", "error", "metadata", "assistant",
}
CALL_KEYS = {"id", "direction", "status", "pipeline"}
REPORT_KEYS = {
    "duration_seconds", "summary", "end_reason", "started_at", "ended_at", "recording_url", "messages", "analysis",
}
BAD_ARGUMENTS = "The arguments of this tool call are not valid JSON."


def iso(expected):
    """When the platform says it sent the event, as the normalised event says it."""
    if expected["timestamp_ms"] is None:
        return None
    moment = datetime.fromtimestamp(expected["timestamp_ms"] / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{expected['timestamp_ms'] % 1000:03d}Z"


def each_fixture(*kinds):
    """A test for every fixture (of these kinds), each told apart in the output."""

    def decorate(check):
        @functools.wraps(check)
        def test(self):
            for entry in INDEX["fixtures"]:
                if not kinds or entry["event_type"] in kinds:
                    with self.subTest(entry["file"]):
                        check(self, entry)

        return test

    return decorate


def negative_body(case):
    return base64.b64decode(case["body_base64"]) if "body_base64" in case else case["body"].encode()


class Normalised(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.control = cls.enterClassContext(Control())
        text = config(
            handlers=[worker("echo", "echo.py", control=cls.control)],
            routes=[route("*", "echo")],
            journal={"dedupe_window": "0s"},
        )
        cls.daemon = cls.enterClassContext(Daemon(text))

    def normalise(self, entry):
        """Posts a fixture; the answer, and the events that reached the handler."""
        response = post(self.daemon.tcp, fixture(entry["file"]), headers=[("X-Webhook-Event", entry["event_type"])])
        self.assertEqual(response.status, 200, response)
        expected = entry["expected"].get("tools", [None])
        count = len([tool for tool in expected if tool is None or tool["arguments"] is not None])
        events = [self.control.event() for _ in range(count)]
        self.assertTrue(self.control.idle() or entry["event_type"] not in WAITED_FOR)
        return response, events

    @each_fixture()
    def test_the_common_part(self, entry):
        expected = entry["expected"]
        _, events = self.normalise(entry)
        for event in events:
            self.assertLessEqual(KEYS, set(event), "every key is always there")
            self.assertLessEqual(CALL_KEYS, set(event["call"]))
            self.assertEqual(event["type"], entry["event_type"])
            self.assertEqual(event["source"], "main")
            # What the body leaves open is snake_case, unless the source says otherwise.
            dialect = entry["detected_dialect"]
            self.assertEqual(event["dialect"], "snake" if dialect == "undetermined" else dialect)
            self.assertEqual(event["sent_at"], iso(expected))
            self.assertEqual(event["call"]["id"], expected["call_id"])
            self.assertEqual(event["call"]["direction"], expected["call_type"])
            self.assertEqual(event["call"]["status"], expected["call_status"])
            self.assertEqual(event["call"]["pipeline"], expected.get("pipeline"))
            self.assertEqual(event["caller"], expected["caller_number"])
            self.assertEqual(event["called"], expected["called_number"])
            self.assertEqual(event["called_name"], expected["number_name"])
            self.assertEqual(event["metadata"], expected.get("metadata") or {})
            self.assertEqual(event["error"], expected.get("error"))
            self.assertEqual(event["attempt"], 1)

    def test_what_the_daemon_adds(self):
        ids = []
        for entry in INDEX["fixtures"]:
            _, events = self.normalise(entry)
            for event in events:
                self.assertRegex(event["received_at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
                limit = {"assistant-request": 4500, "tool-calls": 9500}.get(entry["event_type"], 30_000)
                self.assertGreater(event["deadline_ms"], 0)
                self.assertLessEqual(event["deadline_ms"], limit)
                ids.append(event["id"])
        self.assertEqual(len(ids), len(set(ids)))
        for name in ids:
            self.assertRegex(name, r"^[0-9A-HJKMNP-TV-Z]{26}(\.[1-9])?$")
        self.assertEqual([i[:10] for i in ids], sorted(i[:10] for i in ids), "ids sort by time")

    @each_fixture("tool-calls")
    def test_tool_calls(self, entry):
        _, events = self.normalise(entry)
        wanted = [
            {key: tool[key] for key in ("id", "name", "arguments")}
            for tool in entry["expected"]["tools"]
            if tool["arguments"] is not None
        ]
        self.assertEqual(sorted((e["tool_call"] for e in events), key=lambda t: t["id"]),
                         sorted(wanted, key=lambda t: t["id"]))
        self.assertTrue(all(e["report"] is None for e in events))

    @each_fixture("tool-calls")
    def test_answers_to_tool_calls(self, entry):
        """One result per call in the order of the request, under the id key of the dialect."""
        response, events = self.normalise(entry)
        by_id = {event["tool_call"]["id"]: event for event in events}
        id_key = "tool_call_id" if entry["dialect"] == "snake" else "toolCallId"
        results = response.json()["results"]
        self.assertEqual([r[id_key] for r in results], [t["id"] for t in entry["expected"]["tools"]])
        for result in results:
            self.assertEqual(set(result), {id_key, "result"})
            value = result["result"]
            if entry["dialect"] == "legacy":
                self.assertIsInstance(value, str)
                value = json.loads(value)
            self.assertEqual(value, by_id.get(result[id_key], {"error": BAD_ARGUMENTS}))

    @each_fixture("end-of-call-report")
    def test_reports(self, entry):
        expected = entry["expected"]
        _, (event,) = self.normalise(entry)
        report = event["report"]
        self.assertLessEqual(REPORT_KEYS, set(report))
        self.assertEqual(report["duration_seconds"], expected["duration_seconds"])
        self.assertEqual(report["summary"], expected["summary"])
        self.assertEqual(report["recording_url"], expected["recording_url"])
        for key in ("end_reason", "started_at", "ended_at", "analysis"):
            self.assertEqual(report[key], expected.get(key), key)
        messages = report["messages"]
        if expected["message_count"] is None:
            self.assertIsNone(messages)
        else:
            self.assertEqual(len(messages), expected["message_count"])
        if "first_message" in expected:
            self.assertEqual(messages[0], expected["first_message"])
            self.assertEqual(messages[-1], expected["last_message"])
        self.assertIsNone(event["tool_call"])

    def test_numbers_keep_their_digits(self):
        entry = next(e for e in INDEX["fixtures"] if e["file"] == "camel-end-of-call-report-nested-analysis.json")
        _, (event,) = self.normalise(entry)
        self.assertEqual(event["report"]["analysis"]["groot_getal"], 9007199254740993)
        self.assertIn("-0.0015", event.line)

    @each_fixture("end-of-call-report")
    def test_the_transcript_of_the_legacy_dialect_is_not_lost(self, entry):
        if "transcript_text" in entry["expected"]:
            _, (event,) = self.normalise(entry)
            lines = entry["expected"]["transcript_text"].split("\n")
            for line in lines:
                self.assertIn(line.split(": ", 1)[1], json.dumps(event["report"], ensure_ascii=False))

    @each_fixture()
    def test_the_assistant_is_handed_on_as_it_came(self, entry):
        sent = json.loads(fixture(entry["file"])).get("message", {}).get("assistant", {})
        _, events = self.normalise(entry)
        if "firstMessage" in sent:  # the keys that the platform spells in two ways come in one
            sent = {"first_message" if k == "firstMessage" else k: v for k, v in sent.items()}
        for event in events:
            self.assertEqual(event["assistant"], sent)

    @each_fixture()
    def test_only_reports_have_a_report_and_only_tool_calls_a_tool_call(self, entry):
        _, events = self.normalise(entry)
        for event in events:
            self.assertEqual(event["report"] is not None, entry["event_type"] == "end-of-call-report")
            self.assertEqual(event["tool_call"] is not None, entry["event_type"] == "tool-calls")

    @each_fixture()
    def test_one_event_is_one_line(self, entry):
        _, events = self.normalise(entry)
        for event in events:
            self.assertEqual(event.line.count("\n"), 1)


class Malformed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = config(handlers=[reply("fixed", {"result": "ok"})], routes=[route("tool-calls", "fixed")])
        cls.daemon = cls.enterClassContext(Daemon(text))

    def fault(self, body):
        """What the log says about a body that is refused."""
        mark = self.daemon.mark()
        response = post(self.daemon.tcp, body)
        self.assertEqual((response.status, response.code), (400, "malformed_body"), response)
        return json.dumps(self.daemon.wait_for("event.malformed", after=mark), ensure_ascii=False)

    def test_negative_bodies_are_refused(self):
        for case in INDEX["negative_bodies"]:
            with self.subTest(case["name"]):
                if case["name"] == "duplicate-type":
                    # Either way, but not a crash.
                    self.assertIn(post(self.daemon.tcp, negative_body(case)).status, (200, 400))
                else:
                    self.fault(negative_body(case))

    def test_the_log_names_line_and_column_of_a_syntax_error(self):
        for body, place in {
            b'{"message":{"type":"status-update"}} x': r"1:38",
            b'{"message":{"type":"status-update",}}': r"1:3\d",
            b'{\n  "message": {\n    "type": tool-calls\n  }\n}': r"3:\d+",
            b'{"message":{"type":"x"},\n"n":01}': r"2:\d+",
        }.items():
            with self.subTest(body):
                self.assertRegex(self.fault(body), rf"\b{place}\b")

    def test_the_log_names_the_member_that_is_wrong(self):
        for body, member in {
            b'{"message":"x"}': "message",
            b'{"message":{"call":{"id":"a"}}}': "message.type",
            b'{"message":{"type":7}}': "message.type",
            b'{"message":{"type":"tool-calls","toolCallList":[{"id":"a","function":{}}]}}': "toolCallList[0]",
            b'{"message":{"type":"tool-calls","toolCallList":{}}}': "toolCallList",
            b'{"message":{"type":"tool-calls","tool_call_list":[{"id":"a","function":{"name":"x"}},7]}}':
                "tool_call_list[1]",
            b'{"eventType":"tool-calls","tasksInitiated":[{"taskName":"x"}]}': "tasksInitiated[0].taskId",
        }.items():
            with self.subTest(body):
                self.assertIn(member, self.fault(body))

    def test_nesting_without_end(self):
        deep = b"[" * 50_000 + b"]" * 50_000
        for body in (b"[" * 100_000, b'{"a":' * 100_000, b'{"message":{"type":"x","a":' + deep + b"}}"):
            response = post(self.daemon.tcp, body)
            self.assertIn(response.status, (200, 400))
        self.assertEqual(post(self.daemon.tcp, event_body("status-update")).status, 200)

    def test_the_body_is_not_written_to_the_log(self):
        mark = self.daemon.mark()
        self.fault(b'{"message":{"type":"status-update","customer":{"number":"+31699999999"}')
        self.assertNotIn("31699999999", json.dumps(self.daemon.records(after=mark)))


class Redaction(unittest.TestCase):
    def test_numbers_and_transcripts_stay_out_of_the_log(self):
        text = config(handlers=[worker("echo", "echo.py")], routes=[route("*", "echo")])
        with Daemon(text) as daemon:
            for entry in INDEX["fixtures"]:
                self.assertEqual(post(daemon.tcp, fixture(entry["file"])).status, 200)
            daemon.stop()
            log = daemon.text()
        for private in ("31612345678", "31601234567", "Klant vroeg", "Gebruiker:", "Regel 1"):
            self.assertNotIn(private, log)


class ToldOnly(unittest.TestCase):
    """Events that are acknowledged first and handled afterwards."""

    def test_order_within_a_call(self):
        with Control() as control:
            text = config(
                handlers=[worker("held", "puppet.py", control=control, workers=2, concurrency=4)],
                routes=[route("status-update", "held")],
            )
            with Daemon(text) as daemon:
                for n in range(3):
                    post(daemon.tcp, event_body("status-update", call_id="one", status=f"s{n}"))
                first = control.event()
                self.assertEqual(first["call"]["status"], "s0")
                # Another call does not wait, and overtakes the second event of the first call.
                post(daemon.tcp, event_body("status-update", call_id="two", status="other"))
                other = control.event()
                self.assertEqual(other["call"]["status"], "other")
                other.answer({})
                first.answer({})
                for n in (1, 2):
                    event = control.event()
                    self.assertEqual(event["call"]["status"], f"s{n}")
                    event.answer({})

    def test_every_match_is_delivered(self):
        with Control() as control:
            handlers = [worker(name, "puppet.py", name, control=control) for name in ("crm", "billing", "never")]
            text = config(
                handlers=handlers,
                routes=[
                    route("end-of-call-report", "crm"),
                    route("status-update", "never"),
                    route("end-of-*", "billing"),
                ],
            )
            with Daemon(text) as daemon:
                self.assertEqual(post(daemon.tcp, event_body("end-of-call-report", summary="s")).status, 200)
                events = [control.event(), control.event()]
                self.assertEqual({e.worker.arguments[0] for e in events}, {"crm", "billing"})
                for event in events:
                    self.assertEqual(event["report"]["summary"], "s")
                    event.answer({})

    def test_unknown_types_reach_a_handler(self):
        with Control() as control:
            text = config(
                handlers=[worker("any", "puppet.py", control=control)], routes=[route("call-*", "any")]
            )
            with Daemon(text) as daemon:
                for dialect in ("camel", "snake", "legacy"):
                    response = post(daemon.tcp, event_body("call-quality", dialect, score=4.2))
                    self.assertEqual((response.status, response.json()), (200, {}))
                    event = control.event()
                    self.assertEqual((event["type"], event["dialect"]), ("call-quality", dialect))
                    event.answer({})


if __name__ == "__main__":
    unittest.main()
