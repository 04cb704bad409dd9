"""/v1/calls: what the daemon knows of calls, also after a crash, and commands for them."""

import contextlib
import json
import threading
import unittest
import urllib.parse

from admin import admin, admin_request, await_metric, bearer, scrape
from deliveries import event_body, post, tool_calls
from platform_stub import PlatformStub
from rawhttp import Connection
from support import DURABLE, Daemon, await_that, config, reply, route

CALLER, CALLED = "+31612345678", "+31850835037"
SAY = {"type": "say", "content": "Een ogenblik, ik zoek het op."}
SENT = {"success": True, "message": "Command sent successfully"}


class CallsTest(unittest.TestCase):
    def start(self, *, platform=None, journal=None, admin=None, files=None, **more):
        self.text = config(admin=admin or {}, journal=journal, handlers=[reply("fixed", {"result": "ok"})],
                           routes=[route("tool-calls", "fixed")], **more)
        if platform:
            self.text += f'[platform]\nbase_url = "{platform}"\napi_key_file = "api-key"\n'
        self.daemon = self.enterContext(Daemon(self.text, files={"api-key": "sk_test_1", **(files or {})}))
        return self.daemon

    def tell(self, kind="status-update", whose="c1", *, to=None, **more):
        """One event; without members of its own it differs from no other of its kind, so give it some."""
        body = tool_calls(*to, call_id=whose, **more) if to else event_body(kind, call_id=whose, **more)
        self.assertEqual(post(self.daemon.tcp, body).status, 200)

    def ask(self, path, method="GET", **more):
        response = admin(self.daemon.admin, path, method, **more)
        self.assertEqual(response.header("content-type"), "application/json")
        return response

    def calls(self, query=""):
        response = self.ask("/v1/calls" + query)
        self.assertEqual(response.status, 200, response)
        return response.json()["calls"]

    def ids(self, query=""):
        return [call["id"] for call in self.calls(query)]

    def call(self, call="c1"):
        response = self.ask("/v1/calls/" + urllib.parse.quote(call, safe=""))
        self.assertEqual(response.status, 200, response)
        return response.json()

    def control(self, command, call="c1", **more):
        body = command if isinstance(command, bytes) else json.dumps(command).encode()
        return self.ask(f"/v1/calls/{urllib.parse.quote(call, safe='')}/control", "POST", body=body, **more)


class Following(CallsTest):
    def test_a_call_from_its_first_event_to_its_report(self):
        self.start()
        message = {"call": {"id": "c1", "type": "inboundPhoneCall", "status": "ringing", "pipeline": "standard"}}
        self.tell("assistant-request", status="ringing", **message)
        ringing = self.call()
        self.assertEqual(
            {**ringing, "started_at": None, "updated_at": None, "last_event": ringing["last_event"]["type"]},
            {"id": "c1", "status": "ringing", "state": "ringing", "direction": "inbound", "caller": CALLER,
             "called": CALLED, "called_name": "Flireo Demo", "started_at": None, "updated_at": None,
             "ended_at": None, "tool_calls": 0, "last_event": "assistant-request", "pending_actions": 0,
             "source": "main", "pipeline": "standard", "realtime": False})
        self.assertEqual(ringing["last_event"]["at"], ringing["updated_at"])

        self.tell()
        self.tell(to=["a", "b"])
        running = self.call()
        self.assertEqual((running["state"], running["tool_calls"]), ("in-progress", 2))
        self.assertEqual(running["started_at"], ringing["started_at"])
        self.assertEqual(running["last_event"], {"type": "tool-calls", "at": running["updated_at"]})
        self.assertGreaterEqual(running["updated_at"], ringing["updated_at"])
        self.assertEqual(self.calls(), [running])

        self.tell(status="ended-with-error", error="STT connection failed")
        self.tell("end-of-call-report", status="ended")
        self.assertEqual(self.calls(), [])
        ended = self.call()
        self.assertEqual((ended["state"], ended["status"]), ("reported", "ended-with-error"))
        self.assertLessEqual(ended["started_at"], ended["ended_at"])
        self.assertEqual(self.calls("?live=false"), [ended])
        self.tell(n=1)
        self.assertEqual(self.call()["status"], "ended-with-error", "it only moves forward")

    def test_every_dialect_and_direction(self):
        self.start()
        self.tell(whose="camel", direction="outbound", caller=CALLED, called=CALLER)
        assistant = {"llm_config": {"provider": "xai_realtime"}}
        self.tell("status-update", "snake", dialect="snake", direction="web", caller=None, called=None,
                  assistant=assistant)
        self.tell("status-update", "legacy", dialect="legacy")
        camel, snake, legacy = (self.call(call) for call in ("camel", "snake", "legacy"))
        self.assertEqual((camel["direction"], camel["caller"], camel["called"]), ("outbound", CALLED, CALLER))
        self.assertEqual((snake["direction"], snake["caller"], snake["realtime"]), ("web", None, True))
        self.assertEqual((legacy["direction"], legacy["caller"], legacy["called"]), (None, CALLER, CALLED))
        self.assertEqual((legacy["realtime"], legacy["pipeline"], legacy["called_name"]), (None, None, None))

    def test_filters(self):
        self.start()
        for n in range(6):
            self.tell(whose=f"c{n}", status="ringing" if n % 2 else "in-progress", caller=f"+3160000000{n % 3}",
                      direction="outbound" if n == 5 else "inbound", called=CALLED if n else CALLER)
        self.tell(whose="c4", status="ended")
        self.assertEqual(self.ids(), ["c5", "c3", "c2", "c1", "c0"], "the newest first")
        found = {
            "?limit=2": ["c5", "c3"], "?live=true": ["c5", "c3", "c2", "c1", "c0"], "?status=ringing": ["c5", "c3", "c1"],
            "?live=false": ["c5", "c4", "c3", "c2", "c1", "c0"], "?live=false&status=ended": ["c4"], "?status=ended": [],
            "?direction=outbound": ["c5"], "?caller=%2B31600000000": ["c3", "c0"], "?caller=+31600000000": ["c3", "c0"],
            f"?called={CALLER}": ["c0"], "?status=ringing&limit=1": ["c5"], "?caller=x": [],
        }
        for query, ids in found.items():
            self.assertEqual(self.ids(query), ids, query)

    def test_faulty_filters_are_named(self):
        self.start()
        for query, said in {
            "?limit=0": "limit", "?limit=1001": "limit", "?limit=x": "limit", "?limit=": "limit", "?live=yes": "live",
            "?stat=ended": "stat", "?status=%zz": "%", "?live=true&live=false": "live",
        }.items():
            response = self.ask("/v1/calls" + query)
            self.assertEqual((response.status, response.code), (400, "bad_request"), query)
            self.assertIn(said, response.json()["error"]["message"])

    def test_paths_and_methods(self):
        self.start()
        odd = "call-_+31612345678_a/b"
        self.tell(whose=odd)
        self.assertEqual(self.call(odd)["id"], odd)
        head = self.ask("/v1/calls", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        for path in ("/v1/calls/nobody", "/v1/calls/", "/v1/calls/a/b", "/v1/callsx", "/v1/calls//control",
                     "/v1/calls/c1/control/"):
            self.assertEqual(self.ask(path).status, 404, path)
        self.assertEqual(self.ask("/v1/calls/%zz").status, 400)
        for path, method, allowed in (("/v1/calls", "POST", "GET, HEAD"), ("/v1/calls/c1", "DELETE", "GET, HEAD"),
                                      ("/v1/calls/c1/control", "GET", "POST"), ("/v1/calls/c1/control", "PUT", "POST")):
            response = self.ask(path, method)
            self.assertEqual((response.status, response.header("allow")), (405, allowed), path)

    def test_a_token_is_needed_where_there_is_one(self):
        self.start(admin={"token_file": "token"}, files={"token": "t0ken"})
        for path, method in (("/v1/calls", "GET"), ("/v1/calls/c1", "GET"), ("/v1/calls/c1/control", "POST")):
            self.assertEqual(self.ask(path, method).status, 401)
        self.assertEqual(self.ask("/v1/calls", headers=bearer("t0ken")).status, 200)

    def test_calls_are_counted_by_state(self):
        daemon = self.start()
        self.tell(whose="c1")
        self.tell(whose="c2", status="ringing")
        self.tell(whose="c2", status="ended")
        metrics = scrape(daemon)
        counts = {state: metrics.get("calls", state=state)
                  for state in ("unknown", "ringing", "in-progress", "ended", "reported")}
        self.assertEqual(counts, {"unknown": 0, "ringing": 0, "in-progress": 1, "ended": 1, "reported": 0})
        for reason in ("full", "silent"):
            self.assertEqual(metrics.get("calls_forgotten_total", reason=reason), 0)


class AfterARestart(CallsTest):
    journal = DURABLE

    def tell_of_many(self):
        call = {"id": "full", "type": "inbound_phone_call", "status": "ringing", "pipeline": "standard"}
        self.tell("assistant-request", "full", dialect="snake", status="ringing", call=call)
        self.tell(whose="full", dialect="snake", assistant={"llm_config": {"provider": "openai"}})
        self.tell(whose="full", dialect="snake", to=["a", "b", "c"], filling="x" * 6000)  # compressed by itself
        self.tell(whose="full", dialect="snake", to=["d"])
        self.tell(whose="ringing", status="ringing", direction="outbound")
        self.tell("call-quality", "strange", status="on-hold")
        self.tell(whose="old", dialect="legacy")
        self.tell(whose="over", status="in-progress")
        self.tell(whose="over", status="transferred")
        self.tell("end-of-call-report", "over", status="ended")
        self.tell(whose="late", status="ended")
        self.tell(whose="late", status="in-progress")
        for n in range(200):
            self.tell(whose=f"many-{n}", caller=f"+316{n:08}")

    def stored(self):
        """What was answered is on the disk a moment later; who tells only is answered afterwards."""
        await_metric(self.daemon, "journal_events_total", 212)

    def test_a_crash_loses_no_call(self):
        daemon = self.start(journal=DURABLE)
        self.tell_of_many()
        self.stored()
        before = self.calls("?limit=1000")
        over = {call: self.call(call) for call in ("over", "late")}
        self.assertEqual(len(before), 204)
        self.assertEqual(self.call("full")["tool_calls"], 4)
        daemon.crash()
        daemon.start()
        after = self.calls("?limit=1000")
        self.assertEqual({c["id"]: c for c in after}, {c["id"]: c for c in before})
        self.assertEqual(after, before)
        self.assertEqual({call: self.call(call) for call in over}, over)

        daemon.restart()
        self.assertEqual(self.calls("?limit=1000"), before)
        self.tell(whose="full", status="ended")
        self.assertEqual(self.call("full")["started_at"], before[-1]["started_at"], "it goes on where it was")

    def test_without_a_journal_they_are_forgotten(self):
        daemon = self.start()
        self.tell()
        self.assertEqual(self.ids(), ["c1"])
        daemon.crash()
        daemon.start()
        self.assertEqual(self.ids(), [])


class WithoutAPlatform(CallsTest):
    def test_says_so(self):
        daemon = self.start()
        self.tell()
        response = self.control(SAY)
        self.assertEqual((response.status, response.code), (503, "no_platform"))
        self.assertEqual(daemon.records("admin.control"), [])

    def test_a_reload_can_bring_one_and_take_it_away(self):
        platform = self.enterContext(PlatformStub((200, SENT)))
        daemon = self.start()
        with_one = self.text + f'[platform]\nbase_url = "{platform.url}"\napi_key_file = "api-key"\n'
        for text, status in ((with_one, 200), (self.text, 503), (with_one, 200)):
            self.assertEqual(daemon.reload(text)["event"], "reload.done")
            self.assertEqual(self.control(SAY).status, status)


class Controlling(CallsTest):
    def test_sends_what_the_operator_wants(self):
        platform = self.enterContext(PlatformStub((200, SENT)))
        daemon = self.start(platform=platform.url)
        call = "call-_+31612345678_abc123"
        self.tell(whose=call)
        commands = [
            (SAY, {**SAY, "end_after": False}),
            ({"type": "inject-context", "content": "De code is 4821."},
             {"type": "inject-context", "content": "De code is 4821.", "trigger_response": False}),
            ({"type": "transfer", "destination": "+31201234567", "message": "Ik verbind u door."},) * 2,
            ({"type": "end-call"},) * 2,
        ]
        for given, sent in commands:
            response = self.control(given, call)
            self.assertEqual((response.status, response.json()), (200, SENT))
            asked = platform.asked[-1]
            self.assertEqual((asked.method, asked.path), ("POST", "/api/v1/calls/call-_%2B31612345678_abc123/control"))
            self.assertEqual(asked.json(), sent)
            record = daemon.wait_for("admin.control", type=given["type"])
            masked = "call-_+31*******78_abc123"
            self.assertEqual((record["call"], record["level"], record["peer"]), (masked, "info", "127.0.0.1"))
        for secret in ("ogenblik", "4821", "+31201234567", "verbind", "sk_test_1"):
            self.assertNotIn(secret, daemon.text())

    def test_a_call_that_is_not_known_may_exist_all_the_same(self):
        platform = self.enterContext(PlatformStub((200, SENT)))
        self.start(platform=platform.url)
        self.assertEqual(self.control(SAY, "older").status, 200)

    def test_refuses_what_is_no_command(self):
        platform = self.enterContext(PlatformStub((200, SENT)))
        self.start(platform=platform.url)
        for body in (b"", b"[]", b"{", {}, {"type": "sing"}, {"type": "say"}, {**SAY, "loud": True},
                     {**SAY, "end_after": "yes"}, {"type": "transfer", "destination": "Jan"}):
            response = self.control(body)
            self.assertEqual((response.status, response.code), (400, "invalid_command"), body)
        self.assertEqual(self.control({**SAY, "content": "x" * 17_000}).status, 413)
        for call in (".", ".."):
            self.assertEqual(self.control(SAY, call).status, 400, call)
        foreign = self.control(SAY, headers=[("Origin", "http://evil.example")])
        self.assertEqual(foreign.status, 403)
        self.assertEqual(platform.asked, [])

    def test_refuses_a_call_that_has_ended(self):
        platform = self.enterContext(PlatformStub((200, SENT)))
        self.start(platform=platform.url)
        self.tell(status="ended")
        response = self.control(SAY)
        self.assertEqual((response.status, response.code), (409, "call_ended"))
        self.assertEqual(platform.asked, [])

    def test_what_the_platform_refuses(self):
        kept = {400: 400, 404: 404, 409: 409, 401: 502, 403: 502, 422: 502, 500: 502}
        error = {"error": {"code": "nope", "message": "It cannot be done."}}
        platform = self.enterContext(PlatformStub(*((status, error) for status in kept)))
        self.start(platform=platform.url)
        for n, (status, answered) in enumerate(kept.items()):
            response = self.control(SAY, f"c{n}")
            self.assertEqual(response.status, answered, status)
            said = response.json()["error"]
            self.assertEqual(said["code"], "platform_error")
            self.assertEqual(said["platform"], {"status": status, "code": "nope", "message": "It cannot be done.",
                                                "details": []})

    def test_an_answer_of_another_kind_is_a_success_all_the_same(self):
        platform = self.enterContext(PlatformStub((204, b""), (200, b"fine")))
        self.start(platform=platform.url)
        for _ in range(2):
            response = self.control(SAY)
            self.assertEqual((response.status, response.json()), (200, {"success": True}))


class Waiting(CallsTest):
    """The platform takes its time: longer than the admin listener gives any client."""

    def setUp(self):
        self.let_go = threading.Event()

        def answer(_):
            self.let_go.wait(60)
            return 200, SENT

        self.platform = self.enterContext(PlatformStub(answer))
        self.addCleanup(self.let_go.set)
        self.start(platform=self.platform.url)

    def ask_and_leave_waiting(self, stack, call="c1"):
        """A connection on which a command was sent that is with the platform now."""
        connection = stack.enter_context(Connection(self.daemon.admin))
        connection.send(admin_request(f"/v1/calls/{call}/control", "POST", body=json.dumps(SAY).encode()))
        return connection

    def test_is_seen_and_waited_for(self):
        self.tell()
        with contextlib.ExitStack() as stack:
            connection = self.ask_and_leave_waiting(stack)
            await_that(lambda: self.platform.asked, "the platform is asked")
            self.assertEqual(self.call()["pending_actions"], 1)
            self.assertEqual(self.calls()[0]["pending_actions"], 1)
            # A request is to be there in 5 s; what it waits for may take longer.
            self.assertFalse(self.let_go.wait(6))
            self.let_go.set()
            response = connection.response(strict=False)
            self.assertEqual((response.status, response.json()), (200, SENT))
            self.assertEqual(self.call()["pending_actions"], 0)
            self.assertEqual(connection.ask(admin_request("/healthz")).status, 200, "it is kept")

    def test_who_leaves_is_not_missed(self):
        with contextlib.ExitStack() as stack:
            connection = self.ask_and_leave_waiting(stack)
            await_that(lambda: self.platform.asked, "the platform is asked")
            connection.reset()
        self.let_go.set()
        self.daemon.wait_for("admin.control", call="c1")
        self.assertEqual(self.control(SAY, "c2").status, 200)

    def test_many_that_wait_leave_room_for_others(self):
        with contextlib.ExitStack() as stack:
            waiting = [self.ask_and_leave_waiting(stack, f"c{n}") for n in range(32)]
            self.daemon.wait_for("admin.control", count=32)
            response = self.control(SAY, "one-more")
            self.assertEqual((response.status, response.code), (503, "overloaded"))
            self.assertEqual(self.ask("/healthz").status, 200)
            self.let_go.set()
            for connection in waiting:
                self.assertEqual(connection.response(strict=False).status, 200)
        self.assertEqual(self.control(SAY, "one-more").status, 200)

    def test_a_stop_waits_for_neither_operator_nor_platform(self):
        with contextlib.ExitStack() as stack:
            connection = self.ask_and_leave_waiting(stack)
            await_that(lambda: self.platform.asked, "the platform is asked")
            self.daemon.terminate()
            self.daemon.wait_for("server.stopping")
            self.let_go.set()
            self.daemon.expect_exit(0)
            connection.rest()


if __name__ == "__main__":
    unittest.main()
