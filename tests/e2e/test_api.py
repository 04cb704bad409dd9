"""`hookswitch api`: what is sent for what was typed, and what is shown of what came back."""

import json
import tempfile
import unittest
from pathlib import Path

from platform_stub import PlatformStub
from support import run

KEY = "fl_test_0123456789"
ID = "17a0cb75-fa09-4bdd-9a44-92a70d829c88"


class ApiCase(unittest.TestCase):
    era = "camel"

    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))
        self.key = self.write("key", KEY + "\n")

    def write(self, name, content):
        path = self.directory / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def platform(self, *answers):
        return self.enterContext(PlatformStub(*answers))

    def arguments(self, platform, *words, era=None):
        return ("api", *words, "--base-url", platform.url,
                "--api-key-file", self.key, "--era", era or self.era)

    def api(self, platform, *words, era=None, stdin=b"", status=0):
        done = run(*self.arguments(platform, *words, era=era), stdin=stdin)
        self.assertEqual(done.returncode, status, done)
        self.assertNotIn(KEY, (done.stdout + done.stderr).decode())
        return done

    def sent(self, *words, era=None, stdin=b""):
        """The one request that a command makes."""
        platform = self.platform((200, {"success": True}))
        self.api(platform, *words, "--raw", era=era, stdin=stdin)
        self.assertEqual(len(platform.asked), 1)
        return platform.asked[0]


class Requests(ApiCase):
    def test_method_path_and_key(self):
        asked = self.sent("numbers", "get", ID)
        self.assertEqual((asked.method, asked.path, asked.query), ("GET", f"/api/v1/numbers/{ID}", ""))
        self.assertEqual(asked.headers["Authorization"], f"Bearer {KEY}")
        self.assertEqual(asked.body, b"")

    def test_ids_are_encoded(self):
        asked = self.sent("campaign-leads", "delete", "a/b", "call-_+316?x")
        self.assertEqual(asked.path, "/api/v1/campaigns/a%2Fb/leads/call-_%2B316%3Fx")

    def test_ids_that_lead_elsewhere_are_not_sent(self):
        platform = self.platform()
        for bad in ("", ".", ".."):
            done = self.api(platform, "numbers", "delete", bad, status=2)
            self.assertIn(b"is not an id", done.stderr)
        self.assertEqual(platform.asked, [])

    def test_the_body_is_put_together(self):
        data = self.write("number.json", {"phone_number": "+31850835037", "name": "old", "extra": {"a": [1, None]}})
        asked = self.sent("numbers", "update", ID, "--data", data, "--name", "Desk \"1\"",
                          "--null", "transfer_trunk_id", "--set", "tags=[1,\"x\"]")
        self.assertEqual(asked.method, "PATCH")
        self.assertEqual(asked.headers["Content-Type"], "application/json")
        self.assertEqual(asked.json(), {"phone_number": "+31850835037", "name": "Desk \"1\"", "extra": {"a": [1, None]},
                                        "transfer_trunk_id": None, "tags": [1, "x"]})

    def test_null_and_absent_are_apart(self):
        self.assertEqual(self.sent("numbers", "update", ID, "--null", "assistant-id", "--null", "name").json(),
                         {"agent_id": None, "name": None})
        self.assertEqual(self.sent("numbers", "update", ID, "--name", "x").json(), {"name": "x"})

    def test_names_follow_the_era(self):
        words = ("numbers", "update", ID, "--assistant-id", "a1")
        self.assertEqual(self.sent(*words, era="camel").json(), {"agent_id": "a1"})
        older = ("numbers", "update", ID, "--agent-id", "a1")
        self.assertEqual(self.sent(*older, era="camel").json(), {"agent_id": "a1"})
        self.assertEqual(self.sent(*older, era="late").json(), {"assistant_id": "a1"})
        self.assertEqual(self.sent(*words, era="snake").json(), {"assistant_id": "a1"})
        self.assertEqual(self.sent("numbers", "update", ID, "--set", "agent_id=\"a1\"", era="late").json(),
                         {"assistant_id": "a1"})
        campaign = ("campaigns", "update", ID, "--assistant-id", "a1")
        self.assertEqual(self.sent(*campaign, era="late").json(), {"agent_id": "a1"})

    def test_paths_follow_the_era(self):
        for era, path in (("camel", "agents"), ("snake", "assistants"), ("late", "assistants")):
            self.assertEqual(self.sent("assistants", "list", era=era).path, f"/api/v1/{path}")
        for era, path in (("camel", "agents"), ("snake", "agents"), ("late", "assistants")):
            self.assertEqual(self.sent("agents", "get", ID, era=era).path, f"/api/v1/{path}/{ID}")

    def test_types(self):
        schema = self.write("silence.json", {"messages": ["Hello?"]})
        asked = self.sent("assistants", "create", "--name", "7", "--is-active", "false",
                          "--max-duration-seconds", "600", "--webhook-events", "tool-calls,status-update",
                          "--speech-config-file", schema, era="late")
        self.assertEqual(asked.json(), {"name": "7", "is_active": False, "max_duration_seconds": 600,
                                        "webhook_events": ["tool-calls", "status-update"],
                                        "speech_config": {"messages": ["Hello?"]}})

    def test_secrets_come_from_files(self):
        secret = self.write("secret", "whsec_1\n")
        self.assertEqual(self.sent("assistants", "update", ID, "--webhook-secret-file", secret).json(),
                         {"webhook_secret": "whsec_1"})
        self.assertEqual(self.sent("byok", "set", "--provider", "deepgram", "--provider-key-file", "-",
                                   stdin=b"dg_1\n").json(), {"provider": "deepgram", "api_key": "dg_1"})
        headers = self.write("headers", {"X-Key": "k"})
        self.assertEqual(self.sent("mcp-servers", "test", ID, "--headers-file", headers, era="late").json(),
                         {"headers": {"X-Key": "k"}})
        self.assertEqual(self.sent("sip-trunks", "create", "--data", "-",
                                   stdin=b'{"name":"t","password":"p"}').json(), {"name": "t", "password": "p"})

    def test_secrets_do_not_come_from_arguments(self):
        platform = self.platform()
        for words in (("byok", "set", "--provider", "x", "--set", 'api_key="k"'),
                      ("byok", "set", "--provider", "x", "--set", 'provider-key="k"'),
                      ("assistants", "update", ID, "--set", 'webhook_secret="k"')):
            done = self.api(platform, *words, status=2)
            self.assertIn(b"is a secret", done.stderr)
        self.assertEqual(platform.asked, [])

    def test_delete_byok_has_a_body(self):
        asked = self.sent("byok", "delete", "--provider", "openai")
        self.assertEqual((asked.method, asked.path, asked.json()), ("DELETE", "/api/v1/byok", {"provider": "openai"}))

    def test_the_query(self):
        asked = self.sent("calls", "list", "--limit", "5", "--offset", "10", "--status", "in-progress",
                          "--start-date", "2026-01-01", "--end-date", "2026-01-09T14:00:00+01:00")
        self.assertEqual(asked.query, "limit=5&offset=10&status=in-progress&start_date=2026-01-01"
                                      "&end_date=2026-01-09T14%3A00%3A00%2B01%3A00")
        self.assertRegex(self.sent("usage", "list", "--start-date", "2h").query,
                         r"^start_date=\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\d\.\d{3}Z$")
        self.assertEqual(self.sent("organizations", "get", "--include-children", "true", era="late").query,
                         "include_children=true")

    def test_health_needs_no_key(self):
        platform = self.platform((200, {"status": "ok"}))
        done = run("api", "health", "get", "--base-url", platform.url,
                   "--era", "late")
        self.assertEqual(done.returncode, 0, done)
        self.assertNotIn("Authorization", platform.asked[0].headers)

    def test_mistakes_are_found_before_anything_is_sent(self):
        platform = self.platform()
        bad = self.write("bad.json", "{\"a\": }")
        array = self.write("array.json", [1])
        empty = self.write("empty", "\n")
        for status, why, words in (
                (2, "nothing to send", ("numbers", "create")),
                (2, "is given twice", ("numbers", "create", "--name", "x", "--null", "name")),
                (2, "is given twice", ("numbers", "create", "--set", "x=1", "--set", "x=2")),
                (2, "is not JSON", ("numbers", "create", "--set", "name=x")),
                (2, "not NAME=JSON", ("numbers", "create", "--set", "name")),
                (2, "neither true nor false", ("assistants", "update", ID, "--is-active", "yes")),
                (2, "not a whole number", ("assistants", "update", ID, "--max-duration-seconds", "1e3")),
                (2, "between 1 and 1000", ("calls", "list", "--limit", "1001")),
                (2, "between 1 and 1000", ("calls", "list", "--limit", "0")),
                (2, "neither a time", ("calls", "list", "--start-date", "yesterday")),
                (2, "standard input can be read once",
                 ("byok", "set", "--data", "-", "--provider-key-file", "-")),
                (2, "is not a command", ("nubmers", "list")),
                (2, "is not a command", ("numbers", "remove")),
                (2, "ID is required", ("numbers", "get")),
                (2, "does not exist in the camel era", ("sip-trunks", "create", "--transport", "tls")),
                (1, "bad.json:1:7: ", ("numbers", "create", "--data", bad)),
                (1, "not a JSON object", ("numbers", "create", "--data", array)),
                (1, "is empty", ("assistants", "update", ID, "--webhook-secret-file", empty)),
                (1, "No such file", ("numbers", "create", "--data", self.directory / "missing"))):
            with self.subTest(words=words):
                done = self.api(platform, *words, status=status)
                self.assertIn(why, done.stderr.decode())
                self.assertTrue(done.stderr.startswith(b"hookswitch: "), done.stderr)
                self.assertEqual(done.stdout, b"")
        self.assertEqual(platform.asked, [])


class Eras(ApiCase):
    def test_what_an_era_lacks(self):
        platform = self.platform()
        for era, words, where in (("camel", ("mcp-servers", "list"), "late"),
                                  ("camel", ("organizations", "create", "--name", "x"), "snake, late"),
                                  ("late", ("byok", "config"), "camel, snake"),
                                  ("snake", ("workflows", "get", ID), "late")):
            done = self.api(platform, *words, era=era, status=2)
            self.assertIn(f"the {era} era does not have this: it exists in {where}: ", done.stderr.decode())
        self.assertEqual(platform.asked, [])

    def test_old_names_and_deprecated_operations_warn(self):
        platform = self.platform((200, {"agents": [], "id": "x"}))
        for era, words, warning in (("snake", ("agents", "list"), "older name"),
                                    ("late", ("account", "get"), "deprecated"),
                                    ("late", ("chats", "list"), "deprecated"),
                                    ("camel", ("account", "get"), "not documented"),
                                    ("camel", ("health", "get"), "not documented")):
            self.assertIn(warning, self.api(platform, *words, era=era).stderr.decode())
        self.assertEqual(self.api(platform, "agents", "list", "--json", era="camel").stderr, b"")


class Answers(ApiCase):
    def shown(self, answer, *words, era=None, status=0):
        done = self.api(self.platform(answer), *words, era=era, status=status)
        return done.stdout.decode(), done.stderr.decode()

    def test_envelopes(self):
        for key in ("toolTemplates", "tool_templates"):
            for era in ("camel", "late"):
                out, _ = self.shown((200, {key: [{"id": "1"}]}), "tool-templates", "list", "--json", era=era)
                self.assertEqual(json.loads(out), [{"id": "1"}])
        out, _ = self.shown((201, {"id": "1", "schema": {}}), "analysis-templates", "create", "--name", "x", "--json")
        self.assertEqual(json.loads(out), {"id": "1", "schema": {}})
        out, _ = self.shown((200, {"domain": None}), "domains", "get", "--json")
        self.assertEqual(out, "null\n")

    def test_a_table(self):
        numbers = [{"id": "n1", "phone_number": "+31850835037", "name": "Café", "agent_id": None, "unknown": 1},
                   {"id": "n2", "phone_number": "+31201234567", "name": "x" * 60, "agent_id": "a1", "is_active": True}]
        out, err = self.shown((200, {"numbers": numbers}), "numbers", "list")
        self.assertEqual(out.splitlines(), [
            "ID  PHONE NUMBER  NAME" + " " * 38 + "AGENT ID  IS ACTIVE",
            "n1  +31850835037  Café" + " " * 38 + "-         -",
            "n2  +31201234567  " + "x" * 39 + "…  a1        true"])
        self.assertEqual(err, "")
        out, _ = self.shown((200, {"numbers": numbers}), "numbers", "list", "--wide")
        self.assertIn("x" * 60, out)

    def test_a_table_cannot_be_forged(self):
        out, _ = self.shown((200, {"numbers": [{"id": "n1", "name": "a\nb\x1b[2J"}]}), "numbers", "list")
        self.assertEqual(len(out.splitlines()), 2)
        self.assertNotIn("\x1b", out)

    def test_an_empty_list(self):
        self.assertEqual(self.shown((200, {"voices": []}), "voices", "list"), ("", "there is none\n"))
        self.assertEqual(self.shown((200, {"voices": []}), "voices", "list", "--json"), ("[]\n", ""))

    def test_one_object(self):
        out, _ = self.shown((200, {"number": {"id": "n1", "agent_id": None, "is_active": True, "o": {"a": 1}}}),
                            "numbers", "get", "n1")
        self.assertEqual(out, 'id         n1\nagent_id   -\nis_active  true\no          {"a":1}\n')

    def test_the_summary_of_the_usage(self):
        answer = (200, {"logs": [{"id": "u1", "cost": 0.25}], "pagination": {"total": 1, "limit": 100, "offset": 0},
                        "summary": {"total_calls": 1, "total_cost": 0.25}})
        out, _ = self.shown(answer, "usage", "list")
        self.assertEqual(out, "ID  COST\nu1  0.25\nsummary.total_calls  1\nsummary.total_cost   0.25\n")

    def test_raw_is_as_it_came(self):
        body = b'{"numbers" : [ ],\n "x":1.50}'
        self.assertEqual(self.shown((200, body), "numbers", "list", "--raw")[0], body.decode() + "\n")

    def test_both_kinds_of_deletion(self):
        for answer in ((204, b""), (200, {"success": True})):
            self.assertEqual(self.shown(answer, "numbers", "delete", "n1"), ("done\n", ""))
            self.assertEqual(self.shown(answer, "numbers", "delete", "n1", "--json"), ('{"success":true}\n', ""))

    def test_success_false_is_a_failure(self):
        self.shown((200, {"success": False}), "numbers", "delete", "n1", status=1)
        out, _ = self.shown((200, {"ok": False, "duration_ms": 3, "error": "no route"}), "mcp-servers", "test", "m1",
                            era="late", status=1)
        self.assertIn("no route", out)

    def test_the_key_of_a_new_organization(self):
        out, err = self.shown((201, {"id": "o1", "api_key": "fl_live_new"}), "organizations", "create", "--name", "x",
                              era="late")
        self.assertIn("fl_live_new", out)
        self.assertIn("not shown again", err)
        self.assertNotIn("fl_live_new", err)

    def test_answers_that_are_odd(self):
        for answer in ((200, b"<html>"), (200, b""), (200, {"nothing": 1})):
            _, err = self.shown(answer, "numbers", "list", status=1)
            self.assertTrue(err.startswith("hookswitch: api numbers list: the platform's answer is odd: "), err)

    def test_what_was_made_is_not_lost_with_an_odd_answer(self):
        out, err = self.shown((201, b"key: fl_live_new"), "organizations", "create", "--name", "x", era="late", status=1)
        self.assertEqual(out, "key: fl_live_new\n")
        self.assertIn("is not JSON", err)

    def test_errors(self):
        for answer, expected in (
                ((409, {"error": {"code": "conflict", "message": "taken"}}), ["HTTP 409: taken (code conflict)"]),
                ((400, {"error": "Invalid workflow definition", "details": ["no entry", "two ends"]}),
                 ["HTTP 400: Invalid workflow definition", "  no entry", "  two ends"]),
                ((402, {"error": "Insufficient credits", "message": "None left.", "balance": 0}),
                 ["HTTP 402: Insufficient credits: None left. (balance 0)"]),
                ((403, b"<html>"), ["HTTP 403: Forbidden"])):
            out, err = self.shown(answer, "numbers", "create", "--name", "x", status=1)
            first, *rest = err.splitlines()
            self.assertIn("hookswitch: api numbers create: " + expected[0], first)
            self.assertEqual(rest, expected[1:])
            self.assertEqual(out, "")


class Pages(ApiCase):
    """--all, against a platform with a list of its own."""

    def setUp(self):
        super().setUp()
        self.calls = [{"id": f"c{n}", "status": "ended"} for n in range(25)]
        self.pagination = True
        self.most = 1000
        self.before_each = lambda: None
        self.stub = self.platform(self.page)

    def page(self, asked):
        self.before_each()
        query = dict(part.split("=") for part in asked.query.split("&"))
        limit, offset = min(int(query["limit"]), self.most), int(query.get("offset", 0))
        body = {"calls": self.calls[offset:offset + limit]}
        if self.pagination:
            body["pagination"] = {"total": len(self.calls), "limit": limit, "offset": offset}
        return 200, body

    def all(self, *words):
        done = self.api(self.stub, "calls", "list", "--all", *words)
        return [call["id"] for call in json.loads(done.stdout)] if "--json" in words else done.stdout.decode()

    def asked(self):
        return [request.query for request in self.stub.asked]

    def test_the_whole_list(self):
        self.assertEqual(self.all("--json"), [f"c{n}" for n in range(25)])
        self.assertEqual(self.asked(), ["limit=1000"])

    def test_page_by_page(self):
        self.assertEqual(self.all("--json", "--limit", "10"), [f"c{n}" for n in range(25)])
        self.assertEqual(self.asked(), ["limit=10", "limit=10&offset=10", "limit=10&offset=20"])
        self.assertEqual(self.stub.connections, 1)

    def test_a_full_last_page(self):
        self.assertEqual(len(self.all("--json", "--limit", "5")), 25)
        self.assertEqual(len(self.asked()), 5)

    def test_smaller_pages_than_asked_for(self):
        self.most = 7
        self.assertEqual(len(self.all("--json")), 25)
        self.assertEqual(self.asked()[-1], "limit=1000&offset=21")

    def test_from_an_offset_with_filters(self):
        self.assertEqual(self.all("--json", "--limit", "10", "--offset", "12", "--status", "ended"),
                         [f"c{n}" for n in range(12, 25)])
        self.assertEqual(self.asked()[1], "limit=10&status=ended&offset=22")

    def test_a_list_that_grows_at_its_head(self):
        fresh = iter([{"id": "new1"}, {"id": "new2"}])
        self.before_each = lambda: self.stub.asked[1:] and self.calls.insert(0, next(fresh, {"id": "last"}))
        got = self.all("--json", "--limit", "10")
        self.assertEqual(len(got), len(set(got)))
        self.assertEqual(got[:10], [f"c{n}" for n in range(10)])
        self.assertEqual(got[-1], "c24")

    def test_a_list_that_shrinks(self):
        self.before_each = lambda: self.stub.asked[1:] and self.calls.__delitem__(slice(12, None))
        self.assertEqual(self.all("--json", "--limit", "10"), [f"c{n}" for n in range(12)])
        self.calls.clear()
        self.assertEqual(self.all("--json", "--limit", "10"), [])

    def test_an_empty_page_is_the_last(self):
        stub = self.platform((200, {"calls": [{"id": "a"}], "pagination": {"total": 9}}),
                             (200, {"calls": [], "pagination": {"total": 9}}))
        done = self.api(stub, "calls", "list", "--all", "--json")
        self.assertEqual((json.loads(done.stdout), len(stub.asked)), ([{"id": "a"}], 2))

    def test_a_platform_that_does_not_say_how_many(self):
        self.pagination = False
        self.assertEqual(len(self.all("--json", "--limit", "10")), 25)
        self.assertEqual(len(self.asked()), 3)

    def test_a_platform_that_repeats_itself(self):
        stub = self.platform((200, {"calls": [{"id": "a"}]}))
        done = self.api(stub, "calls", "list", "--all", "--limit", "1", "--json")
        self.assertEqual((json.loads(done.stdout), len(stub.asked)), ([{"id": "a"}], 2))

    def test_a_table_of_all(self):
        self.assertEqual(len(self.all("--limit", "10").splitlines()), 26)

    def test_without_all_it_says_that_there_are_more(self):
        done = self.api(self.stub, "calls", "list", "--limit", "10")
        self.assertEqual(len(done.stdout.splitlines()), 11)
        self.assertEqual(done.stderr.decode(), "10 of 25: --all shows the others, --offset 10 the next\n")

    def test_a_failure_in_between(self):
        stub = self.platform((200, {"calls": [{"id": "a"}], "pagination": {"total": 9}}), (403, {"error": "no"}))
        done = self.api(stub, "calls", "list", "--all", "--json", status=1)
        self.assertIn(b"HTTP 403: no", done.stderr)
        with self.assertRaises(ValueError):
            json.loads(done.stdout)  # half a list does not look like a whole one


class Help(unittest.TestCase):
    def text(self, *words):
        done = run(*words, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        return done.stdout.decode()

    def test_each_level_explains_itself(self):
        self.assertIn("api", self.text())
        top = self.text("api")
        for resource in ("assistants", "campaign-leads", "mcp-servers", "health"):
            self.assertIn(resource, top)
            self.assertIn("Example:", self.text("api", resource))
        for verb in ("list", "create", "get", "update", "delete"):
            self.assertIn(verb, self.text("api", "numbers"))
        update = self.text("api", "numbers", "update")
        for word in ("--phone-number TEXT", "--workflow-id TEXT", "[late]", "--null", "--data", "--era",
                     "PATCH /numbers/{id} in the eras camel, snake, late.", "Example:"):
            self.assertIn(word, update)
        self.assertIn("snake (alias)", self.text("api", "agents", "list"))
        self.assertIn("--provider-key-file FILE", self.text("api", "byok", "set"))
        self.assertNotIn("--provider-key ", self.text("api", "byok", "set"))


if __name__ == "__main__":
    unittest.main()
