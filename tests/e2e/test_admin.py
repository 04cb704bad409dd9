"""The admin listener: who is let in, health, the journal's events, and what hostile clients achieve."""

import contextlib
import os
import stat
import time
import unittest

from admin import admin, admin_request, await_metric, bearer
from control import Control
from deliveries import Asking, event_body, only_result, post, tool_calls
from rawhttp import PATIENCE, Broken, Connection
from support import DURABLE, Daemon, config, reply, route, worker

TOKEN = "t0ken-of-the-operator"
PATHS = ("/healthz", "/readyz", "/metrics", "/v1/events", "/v1/events/x", "/v1/events/x/redeliver", "/", "/nothing")


class AdminTest(unittest.TestCase):
    def start(self, admin=None, journal=None, server=None, handlers=(), routes=(), **more):
        handlers = [reply("fixed", {"result": "ok"}), *handlers]
        routes = [*routes, route("tool-calls", "fixed")]
        self.text = config(server=server, admin=admin or {}, journal=journal, handlers=handlers, routes=routes)
        self.daemon = self.enterContext(Daemon(self.text, **more))
        return self.daemon

    def get(self, path, method="GET", **more):
        response = admin(self.daemon.admin, path, method, **more)
        if not path.startswith("/metrics") or response.status != 200:
            self.assertEqual(response.header("content-type"), "application/json")
        if response.status >= 400 and path != "/readyz" and method != "HEAD":
            self.assertEqual(set(response.json()["error"]), {"code", "message"})
        return response

    def status(self, path, method="GET", **more):
        return self.get(path, method, **more).status

    def assert_calls_are_answered(self):
        self.assertEqual(only_result(post(self.daemon.tcp, tool_calls("any"))), "ok")


class LettingIn(AdminTest):
    def test_there_is_none_unless_it_is_configured(self):
        with Daemon(config()) as daemon:
            self.assertEqual(daemon.records("admin.listening"), [])

    def test_a_token_opens_all_and_without_it_only_health_is_open(self):
        self.start({"token_file": "token"}, files={"token": TOKEN + "\n"})
        for path in PATHS:
            with self.subTest(path):
                if path in ("/healthz", "/readyz"):
                    self.assertEqual(self.status(path), 200)
                    continue
                for headers in ([], bearer("wrong"), bearer(TOKEN[:-1]), bearer(""), [("Authorization", TOKEN)]):
                    response = self.get(path, headers=headers)
                    self.assertEqual(response.status, 401)
                    self.assertEqual(response.header("www-authenticate"), "Bearer")
                    self.assertNotIn(TOKEN, response.body.decode())
                self.assertNotEqual(self.status(path, headers=bearer(TOKEN), host="any.example"), 401)
        self.assertEqual(self.status("/metrics", headers=bearer(TOKEN)), 200)
        self.assertTrue(self.daemon.records("admin.refused", status=401))
        self.assertNotIn(TOKEN, self.daemon.text())

    def test_a_reload_changes_the_token_but_not_the_address(self):
        daemon = self.start({"token_file": "token"}, files={"token": TOKEN})
        self.assertEqual(self.status("/metrics", headers=bearer(TOKEN)), 200)
        daemon.write("token", "another-token")
        self.assertEqual(daemon.reload()["event"], "reload.done")
        self.assertEqual(daemon.records("reload.needs_restart"), [])
        self.assertEqual(self.status("/metrics", headers=bearer(TOKEN)), 401)
        self.assertEqual(self.status("/metrics", headers=bearer("another-token")), 200)

        # The address stays, and with it its token: the new one is for the new address.
        moved = self.text.replace('[admin]\nlisten = "127.0.0.1:0"\ntoken_file = "token"', '[admin]\nlisten = "unix:a.sock"')
        self.assertNotEqual(moved, self.text)
        self.assertEqual(daemon.reload(moved)["event"], "reload.done")
        self.assertEqual(len(daemon.records("reload.needs_restart", section="admin")), 1)
        self.assertEqual(self.status("/metrics"), 401)
        self.assertEqual(self.status("/metrics", headers=bearer("another-token")), 200)

    def test_without_a_token_only_names_of_this_machine_are_answered(self):
        self.start()
        for host in ("localhost", "127.0.0.1:8081", "[::1]", None):
            # HTTP/1.1 demands Host, but who leaves it out is no browser.
            self.assertEqual(self.status("/metrics", host=host), 200, host)
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8081"):
            for path in PATHS:
                self.assertEqual(self.status(path, host=host), 421, (host, path))
        for origin in ("http://evil.example", "null"):
            self.assertEqual(self.status("/v1/events/x/redeliver", "POST", headers=[("Origin", origin)]), 403)

    def test_a_unix_socket(self):
        daemon = self.start({"listen": "unix:admin.sock"})
        path = daemon.directory / "admin.sock"
        self.assertEqual(daemon.admin, f"unix:{path}")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        self.assertEqual(self.status("/metrics", host="whatever"), 200)
        daemon.stop()
        self.assertFalse(path.exists())

    def test_a_socket_that_a_crash_left_behind_is_replaced(self):
        daemon = self.start({"listen": "unix:admin.sock"})
        daemon.crash()
        self.assertTrue((daemon.directory / "admin.sock").exists())
        daemon.start()
        self.assertEqual(self.status("/healthz"), 200)

    def test_an_address_in_use_is_said_at_the_start(self):
        daemon = self.start({"listen": "unix:admin.sock"})
        other = Daemon(self.text.replace("unix:admin.sock", daemon.admin))
        other.launch()
        try:
            other.expect_exit(1)
            self.assertIn("admin.sock: Address already in use", other.tail())
        finally:
            other.kill()
        self.assertEqual(self.status("/healthz"), 200)


class Health(AdminTest):
    def test_healthy_and_ready(self):
        self.start(journal=DURABLE)
        self.assertEqual(self.get("/healthz").json(), {"status": "ok"})
        self.assertEqual(self.get("/readyz").json(), {"ready": True, "reasons": []})
        for path in ("/healthz", "/readyz", "/metrics"):
            head = self.get(path, "HEAD")
            self.assertEqual((head.status, head.body), (200, b""))
            refused = self.get(path, "POST")
            self.assertEqual((refused.status, refused.header("allow")), (405, "GET, HEAD"))

    def test_not_ready_without_a_worker(self):
        control = self.enterContext(Control())
        daemon = self.start(handlers=[worker("desk", "puppet.py", control=control)], routes=[route("*", "desk", tool="x")])
        process = control.worker()
        await_metric(daemon, "workers_up", 1, handler="desk")
        self.assertEqual(self.status("/readyz"), 200)
        process.crash()
        await_metric(daemon, "workers_up", 0, handler="desk")
        response = self.get("/readyz")
        self.assertEqual(response.status, 503)
        self.assertEqual(response.json(), {
            "ready": False, "reasons": ["handler desk: none of its worker processes is up"]})
        self.assertEqual(self.status("/healthz"), 200)

    def test_reachable_and_not_ready_while_draining(self):
        control = self.enterContext(Control())
        daemon = self.start(handlers=[worker("desk", "puppet.py", control=control)],
                            routes=[route("tool-calls", "desk", tool="held")])
        asking = Asking(daemon.tcp, tool_calls("held"))
        event = control.event()
        daemon.terminate()
        daemon.wait_for("server.stopping")
        response = self.get("/readyz")
        self.assertEqual(response.status, 503)
        self.assertEqual(response.json()["reasons"], ["draining: the daemon is being stopped"])
        self.assertEqual(self.status("/metrics"), 200)
        event.result("done")
        self.assertEqual(only_result(asking.answer()), "done")
        daemon.expect_exit(0)

    def test_a_stop_does_not_wait_for_admin_connections(self):
        daemon = self.start()
        with Connection(daemon.admin) as idle, Connection(daemon.admin) as asking:
            self.assertEqual(idle.ask(admin_request("/healthz")).status, 200)
            asking.send(b"GET /healthz HTTP/1.1\r\n")
            daemon.stop(timeout=10)

    def test_not_ready_when_the_journal_fails(self):
        self.start(journal=DURABLE, files={"hookswitch.db": b"no database " * 1000})
        response = self.get("/readyz")
        self.assertEqual(response.status, 503)
        (reason,) = response.json()["reasons"]
        self.assertTrue(reason.startswith("journal: "), reason)
        response = self.get("/v1/events")
        self.assertEqual((response.status, response.code), (503, "journal_unreadable"))
        self.assertEqual(self.status("/healthz"), 200)
        self.assert_calls_are_answered()


class Events(AdminTest):
    def setUp(self):
        self.start(
            journal=DURABLE,
            handlers=[reply("sink", {}), reply("other", {})],
            routes=[route("status-update", "sink"), route("status-update", "other")],
        )

    def events(self, query=""):
        response = self.get("/v1/events" + query)
        self.assertEqual(response.status, 200, response)
        return response.json()["events"]

    def post(self, kind="status-update", **more):
        body = tool_calls("any", **more) if kind == "tool-calls" else event_body(kind, **more)
        self.assertEqual(post(self.daemon.tcp, body).status, 200)
        return body

    def await_events(self, count, query=""):
        deadline = time.monotonic() + PATIENCE
        while len(found := self.events(query)) != count:
            self.assertLess(time.monotonic(), deadline, found)
        return found

    def test_lists_what_the_filters_let_through(self):
        self.post(call_id="c1", caller="+31611111111")
        self.post(call_id="c2", caller="+31622222222")
        self.post("end-of-call-report", call_id="c2", caller="+31622222222")
        self.post("tool-calls", call_id="c3")
        self.await_events(2, "?state=delivered")
        events = self.await_events(4)
        self.assertEqual([e["call"] for e in events], ["c3", "c2", "c2", "c1"], "newest first")
        self.assertEqual(set(events[0]), {
            "id", "seq", "received_at", "type", "dialect", "source", "call", "status", "caller", "called", "size",
            "state", "deliveries"})
        counts = {
            "?call=c2": 2, "?call=nothing": 0, "?type=status-update": 2, "?source=main": 4, "?source=other": 0,
            "?caller=%2B31622222222": 2, "?caller=+31622222222": 2, "?state=answered": 1, "?state=stored": 1,
            "?handler=sink": 2, "?handler=fixed": 1, "?since=1h": 4, "?until=1h": 0, "?since=2020-01-01": 4,
            "?until=2020-01-01T00:00:00Z": 0, "?limit=3": 3, "?call=c2&type=status-update": 1,
        }
        for query, count in counts.items():
            self.assertEqual(len(self.events(query)), count, query)
        first = self.events(f"?after={events[-1]['seq']}&limit=2")
        self.assertEqual([e["seq"] for e in first], [events[2]["seq"], events[1]["seq"]], "forwards from there")

    def test_faulty_filters_are_named(self):
        for query, said in {
            "?limit=0": "limit", "?limit=1001": "limit", "?limit=x": "limit", "?after=-1": "after", "?after=": "after",
            "?since=yesterday": "since", "?until=": "until", "?state=lost": "state", "?cal=c1": "cal", "?call=%zz": "%",
            "?call=%00": "text",
        }.items():
            response = self.get("/v1/events" + query)
            self.assertEqual((response.status, response.code), (400, "bad_request"), query)
            self.assertIn(said, response.json()["error"]["message"])

    def test_shows_one_event_whole(self):
        body = self.post(call_id="c1")
        self.await_events(1, "?state=delivered")
        (listed,) = self.events()
        shown = self.get("/v1/events/" + listed["id"]).json()
        self.assertEqual({key: shown[key] for key in listed}, listed)
        self.assertEqual(shown["body"], body.decode())
        self.assertTrue(shown["head"].startswith("POST /webhook HTTP/1.1\r\n"))
        self.assertEqual({a["handler"]: a["outcome"] for a in shown["attempts"]}, {"sink": "delivered", "other": "delivered"})
        self.assertEqual(self.status("/v1/events/01AAAAAAAAAAAAAAAAAAAAAAAA"), 404)
        for path in ("/v1/events/", "/v1/events/a/b", "/v1/eventsx", "/v1/events/a/redeliver/"):
            self.assertEqual(self.status(path), 404, path)

    def test_redelivers(self):
        self.post(call_id="c1")
        (event,) = self.await_events(1, "?state=delivered")
        path = f"/v1/events/{event['id']}/redeliver"
        response = self.get(path, "POST")
        self.assertEqual((response.status, response.json()), (202, {"id": event["id"], "handlers": ["sink", "other"]}))
        self.daemon.wait_for("event.delivered", id=event["id"], handler="sink", attempt=2)
        self.daemon.wait_for("event.delivered", id=event["id"], handler="other", attempt=2)
        response = self.get(path + "?handler=other", "POST")
        self.assertEqual((response.status, response.json()["handlers"]), (202, ["other"]))
        self.daemon.wait_for("event.delivered", id=event["id"], handler="other", attempt=3)
        self.assertEqual(self.daemon.records("event.delivered", handler="sink", attempt=3), [])

    def test_refuses_what_cannot_be_redelivered(self):
        self.post("tool-calls")
        self.post("end-of-call-report")
        self.post()
        delivered, stored, answered = self.await_events(3)
        for event in (answered, stored):
            response = self.get(f"/v1/events/{event['id']}/redeliver", "POST")
            self.assertEqual((response.status, response.code), (409, "not_deliverable"))
        path = f"/v1/events/{delivered['id']}/redeliver"
        self.assertEqual(self.status(path + "?handler=nobody", "POST"), 400)
        self.assertEqual(self.status(path + "?handlr=sink", "POST"), 400)
        self.assertEqual(self.status("/v1/events/01AAAAAAAAAAAAAAAAAAAAAAAA/redeliver", "POST"), 404)
        refused = self.get(path)
        self.assertEqual((refused.status, refused.header("allow")), (405, "POST"))
        refused = self.get("/v1/events", "DELETE")
        self.assertEqual((refused.status, refused.header("allow")), (405, "GET, HEAD"))


class WithoutAJournal(AdminTest):
    def test_says_so(self):
        self.start()
        for path, method in (("/v1/events", "GET"), ("/v1/events/x", "GET"), ("/v1/events/x/redeliver", "POST")):
            response = self.get(path, method)
            self.assertEqual((response.status, response.code), (503, "no_journal"))


class HostileInput(AdminTest):
    def test_requests_that_are_too_large_or_no_http(self):
        self.start()
        cases = {
            b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n": 431,
            b"GET /" + b"a" * 20_000: 431,
            admin_request("/v1/events/x/redeliver", "POST", headers=[("Content-Length", "70000")]): 413,
            admin_request("/healthz", "POST", headers=[("Transfer-Encoding", "chunked")])
            + b"11170\r\n" + b"a" * 70_000: 413,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n": 400,
            b"GET  HTTP/1.1\r\n\r\n": 400,
            b"GET /healthz HTTP/1.1\r\nContent-Length: x\r\n\r\n": 400,
            b"GET /healthz HTTP/9.9\r\n\r\n": 400,
        }
        for data, status in cases.items():
            with self.subTest(data[:60]), Connection(self.daemon.admin) as connection:
                connection.send_what_it_takes(data)
                response = connection.response(strict=False)
                self.assertEqual(response.status, status, response)
                self.assertTrue(response.closes)
                connection.expect_end()
        self.assertEqual(self.status("/healthz"), 200)
        self.assert_calls_are_answered()

    def test_several_requests_on_one_connection(self):
        self.start()
        with Connection(self.daemon.admin) as connection:
            connection.send(admin_request("/healthz") * 3 + admin_request("/metrics") + admin_request("/nothing"))
            answers = [connection.response(strict=False).status for _ in range(5)]
            self.assertEqual(answers, [200, 200, 200, 200, 404])
            connection.send(admin_request("/healthz", headers=[("Connection", "close")]))
            self.assertTrue(connection.response(strict=False).closes)
            connection.expect_end()

    def test_slow_connections_cannot_take_the_data_listener_along(self):
        self.start({"listen": "unix:admin.sock"})
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(Connection(self.daemon.admin)) for _ in range(64)]
            for connection in held:
                connection.send(b"GET /healthz HT")
                connection.wait_until_read()
            # One more is closed without a word.
            with Connection(self.daemon.admin) as refused:
                refused.expect_end()
            self.assert_calls_are_answered()
            for connection in held[:8]:
                connection.send(b"TP/1.1\r\nConnection: close\r\n\r\n")
                self.assertEqual(connection.response(strict=False).status, 200)
                connection.expect_end()
        self.await_answer("/healthz")

    def await_answer(self, path):
        """The ends of connections are noticed one after the other."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.assertEqual(self.status(path), 200)
                return
            except (Broken, ConnectionResetError):
                self.assertLess(time.monotonic(), deadline)

    def test_an_idle_connection_makes_room(self):
        self.start()
        with contextlib.ExitStack() as stack:
            idle = [stack.enter_context(Connection(self.daemon.admin)) for _ in range(64)]
            for connection in idle:
                self.assertEqual(connection.ask(admin_request("/healthz")).status, 200)
            self.assertEqual(self.status("/healthz"), 200)

    def test_a_request_that_does_not_come_to_its_end(self):
        self.start()
        with contextlib.ExitStack() as stack:
            for data in (b"GET /healthz HTTP/1.1\r\nHost: lo", admin_request("/x", "POST", body=b"1234")[:-1]):
                connection = stack.enter_context(Connection(self.daemon.admin))
                connection.send(data)
                connection.expect_end()

    def test_connections_that_break_off(self):
        self.start(journal=DURABLE)
        for data in (b"", b"GET /heal", admin_request("/metrics"), admin_request("/v1/events")):
            for _ in range(5):
                connection = Connection(self.daemon.admin)
                connection.send(data)
                connection.reset()
        self.assertEqual(self.status("/v1/events"), 200)
        self.assert_calls_are_answered()


if __name__ == "__main__":
    unittest.main()
