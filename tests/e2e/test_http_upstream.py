"""Handlers that are a service: what it gets, what becomes of its answer, and what if it is slow, sick or gone."""

import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from admin import await_metric, scrape
from deliveries import SECRET, Asking, event_body, only_result, post, request, tool_calls
from dialects import assert_answers_in_every_dialect
from rawhttp import PATIENCE, Connection
from receiver import CLOSE, HANG, Receiver
from support import DURABLE, HERE, Daemon, await_that, config, reply, route, run

FALLBACK = {"result": "fallback"}
INNER = "inner-secret"
STEP = "20ms"  # of a schedule
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def service(url, name="crm", **more):
    return {"name": name, "type": "http", "url": url, "breaker_failures": 0, **more}


def echo(got):
    """What a service made for Hookswitch does."""
    event = got.body
    if event["type"] == "tool-calls":
        return {"id": event["id"], "reply": {"result": event["tool_call"]["name"]}}
    return {"reply": {"assistant": {"first_message": "Hello"}}}


class Gate:
    """An answer that waits for the test."""

    def __init__(self, answer=echo):
        self._answer = answer
        self._open = threading.Event()
        self._arrived = threading.Semaphore(0)

    def __call__(self, got):
        self._arrived.release()
        self._open.wait(PATIENCE)
        return self._answer(got)

    def await_arrivals(self, count=1):
        for _ in range(count):
            assert self._arrived.acquire(timeout=PATIENCE), "no request came"

    def open(self):
        self._open.set()


class UpstreamTest(unittest.TestCase):
    def receiver(self, answer=echo, **more):
        return self.enterContext(Receiver(answer, **more))

    def directory(self):
        return Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-crm-")))

    def start(self, handlers, routes=None, *, timeout="9s", files=None, env=None, **more):
        routes = routes or [
            route("tool-calls", "fixed", tool="healthy"),
            route("tool-calls", "crm", timeout=timeout, fallback=FALLBACK),
            route("*", "crm"),
        ]
        text = config(admin={}, handlers=[*handlers, reply("fixed", {"result": "ok"})], routes=routes, **more)
        self.daemon = self.enterContext(Daemon(text, files={"inner": INNER, **(files or {})}, env=env))
        return self.daemon

    def ask(self, *tools):
        return Asking(self.daemon.tcp, tool_calls(*tools))

    def result(self, tool="look"):
        return only_result(post(self.daemon.tcp, tool_calls(tool)))

    def metric(self, name, **labels):
        return scrape(self.daemon).get(name, handler="crm", **labels)

    def why(self, mark):
        return self.daemon.wait_for("handler.failed", after=mark, handler="crm")["why"]


class Answers(UpstreamTest):
    def test_over_tcp_and_what_it_gets(self):
        receiver = self.receiver()
        self.start([service(receiver.url + "?key=1", secret_file="inner", headers_file="fields")],
                   files={"fields": "Authorization: Bearer t0ken\nX-Tenant: a\n"})
        assert_answers_in_every_dialect(self, self.daemon.tcp)
        body = tool_calls(("tool_1", "look", {"q": "é\n"}), call_id="call-1", dialect="snake")
        self.assertEqual(only_result(post(self.daemon.tcp, body)), "look")
        got = receiver.got[-1]
        self.assertEqual(got.path, "/webhook?key=1")
        self.assertTrue(got.signed_with(INNER))
        event = got.body
        self.assertEqual(event["tool_call"], {"id": "tool_1", "name": "look", "arguments": {"q": "é\n"}})
        self.assertEqual((event["call"]["id"], event["attempt"], event["dialect"]), ("call-1", 1, "snake"))
        self.assertTrue(0 < event["deadline_ms"] <= 9000, event["deadline_ms"])
        headers = dict(got.headers)
        trace = headers.pop("traceparent")
        del headers["X-Webhook-Timestamp"], headers["X-Webhook-Signature"]
        self.assertEqual(headers, {
            "Host": receiver.address, "Content-Length": str(len(got.raw)), "Content-Type": "application/json",
            "Accept": "application/json", "User-Agent": headers["User-Agent"], "X-Webhook-Event": "tool-calls",
            "X-Hookswitch-Event-Id": event["id"], "X-Hookswitch-Attempt": "1",
            "X-Hookswitch-Deadline-Ms": str(event["deadline_ms"]),
            "Authorization": "Bearer t0ken", "X-Tenant": "a"})
        self.assertRegex(headers["User-Agent"], r"\Ahookswitch/\d")
        record = self.daemon.wait_for("http.answered", id=event["id"], handler="crm", status=200, call="call-1")
        self.assertEqual(trace.split("-")[1], record["trace"])
        self.assertLessEqual(receiver.connections, 2, "connections are kept")
        self.assertNotIn("t0ken", self.daemon.text())

    def test_the_platforms_trace_is_passed_on(self):
        receiver = self.receiver()
        self.start([service(receiver.url)], journal=DURABLE)
        headers = [("traceparent", TRACE), ("tracestate", "vendor=1")]
        for body in (tool_calls("one"), event_body("status-update")):
            with Connection(self.daemon.tcp) as connection:
                connection.ask(request(body, headers=headers))
        self.daemon.wait_for("event.delivered", handler="crm")
        traces = [(got.headers["traceparent"], got.headers["tracestate"]) for got in receiver.got]
        self.assertEqual(traces, [(TRACE, "vendor=1")] * 2)

    def test_over_a_unix_socket(self):
        receiver = self.receiver(unix=self.directory() / "crm.sock")
        self.start([service(receiver.url)])
        assert_answers_in_every_dialect(self, self.daemon.tcp)
        self.assertEqual((receiver.got[0].path, receiver.got[0].headers["Host"]), ("/webhook", "localhost"))

    def test_over_tls(self):
        directory = self.directory()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", directory / "key", "-out", directory / "crt", "-subj", "/CN=crm",
             "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "crt", directory / "key")
        receiver = self.receiver(tls=context)
        handlers = [service(receiver.url, ca_file=str(directory / "crt")), service(receiver.url, name="strict")]
        self.start(handlers, [route("tool-calls", "strict", tool="strict", fallback=FALLBACK),
                              route("tool-calls", "crm"), route("*", "crm")])
        assert_answers_in_every_dialect(self, self.daemon.tcp)
        self.assertLessEqual(receiver.connections, 2, "connections are kept")
        self.assertEqual(self.result("strict"), "fallback", "the system's authorities do not know it")
        self.assertIn("TLS handshake", self.daemon.wait_for("handler.failed", handler="strict")["why"])

    def test_that_are_none(self):
        """Each with its reason, which shows nothing of the answer."""
        private = '{"reply":"+31687654321"}'
        cases = {
            "500": ((500, {"why": private}), "it answered 500"),
            "redirect": ((302, b""), "it answered 302"),
            "too long": ({"reply": {"result": "x" * 5000}}, "its answer is over 4KiB"),
            "no JSON": (b"<html>+31687654321", re.compile("its answer is not")),
            "no object": ([private], re.compile("its answer is")),
            "another's": ({"id": "01J", "reply": {"result": 1}}, "its answer is for another event"),
            "no answer": (CLOSE, re.compile("no reply came")),
            "own words": ({"error": {"message": "CRM is down", "retry": True}}, "CRM is down"),
            "own words with a status": ((503, {"error": {"message": "CRM is down"}}), "it answered 503: CRM is down"),
            "others' words": ((400, {"error": private}), "it answered 400"),
        }
        receiver = self.receiver(lambda got: cases[got.body["tool_call"]["name"]][0])
        self.start([service(receiver.url, max_answer="4KiB")])
        for name, (_, why) in cases.items():
            with self.subTest(name):
                mark = self.daemon.mark()
                self.assertEqual(self.result(name), "fallback")
                self.assertRegex(self.why(mark), why if isinstance(why, re.Pattern) else f"\\A{re.escape(why)}\\Z")
        self.assertNotIn("31687654321", self.daemon.text())

    def test_nothing_to_say(self):
        answers = iter([(204, b""), (200, b""), (200, b"{}"), (200, {"reply": {"error": "No such customer."}})])
        receiver = self.receiver(lambda got: next(answers))
        self.start([service(receiver.url)])
        for expected in ("fallback", "fallback", "fallback", {"error": "No such customer."}):
            self.assertEqual(self.result(), expected)
        self.assertEqual(self.daemon.records("handler.failed"), [])


class Example(UpstreamTest):
    def test_lookup(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        program = HERE.parents[1] / "handlers" / "http" / "lookup.py"
        process = subprocess.Popen([sys.executable, program, str(port)])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        await_that(lambda: self.answers(port), "the example listens")
        self.start([service(f"http://127.0.0.1:{port}/")])
        for name, result in (("Jan", "+31612345678"), ("Piet", {"error": "There is no Piet."})):
            self.assertEqual(only_result(post(self.daemon.tcp, tool_calls(("lookup", {"query": name})))), result)
        said = post(self.daemon.tcp, event_body("assistant-request")).json()
        self.assertEqual(said, {"assistant": {"firstMessage": "Hello, how can I help?"}})
        post(self.daemon.tcp, event_body("status-update"))
        self.daemon.wait_for("event.delivered", handler="crm")

    def answers(self, port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return False
        return True


class Trouble(UpstreamTest):
    def test_a_service_that_hangs(self):
        """The caller has the fallback at the deadline, and the connection is not left to pile up."""
        listener = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        listener.settimeout(PATIENCE)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        self.start([service(url)], timeout="500ms")
        asking = self.ask("look")
        accepted = self.enterContext(listener.accept()[0])
        accepted.settimeout(PATIENCE)
        self.assertIn(b"POST", accepted.recv(65536))
        self.assertEqual(self.result("healthy"), "ok")
        self.assertEqual(only_result(asking.answer()), "fallback")
        while accepted.recv(65536):
            pass
        metrics = await_metric(self.daemon, "handler_cut_off_total", 1, handler="crm")
        self.assertEqual(metrics.get("handler_slots_busy", handler="crm"), 0)
        self.assertEqual(metrics.sum("handler_missed_deadlines_total", handler="crm"), 1)

    def test_slots_and_queue_are_bounded(self):
        gate = Gate()
        receiver = self.receiver(gate)
        self.start([service(receiver.url, concurrency=2, queue=1)])
        held = [self.ask("a"), self.ask("b")]
        gate.await_arrivals(2)
        held.append(self.ask("c"))
        await_metric(self.daemon, "handler_queued_events", 1, handler="crm")
        self.assertEqual(self.result("too many"), "fallback")
        self.assertEqual(self.result("healthy"), "ok")
        metrics = scrape(self.daemon)
        self.assertEqual((metrics.get("handler_slots", handler="crm"), metrics.get("handler_slots_busy", handler="crm"),
                          metrics.get("handler_refused_total", handler="crm")), (2, 2, 1))
        gate.open()
        self.assertEqual([only_result(asking.answer()) for asking in held], ["a", "b", "c"])
        await_metric(self.daemon, "handler_slots_busy", 0, handler="crm")

    def test_a_kept_connection_that_the_service_has_closed(self):
        """Waited-for events are not sent twice; those that nobody waits for are, and at once."""
        requests = []
        deaf = threading.Event()

        def answer(got):
            requests.append(got.body["type"])
            return CLOSE if deaf.is_set() and not deaf.clear() else echo(got)

        receiver = self.receiver(answer)
        self.start([service(receiver.url, retry=["1h"])])
        self.assertEqual(self.result("first"), "first")
        deaf.set()
        self.assertEqual(self.result("look"), "fallback")
        self.assertEqual(self.result("first"), "first")
        deaf.set()
        post(self.daemon.tcp, event_body("status-update"))
        self.daemon.wait_for("event.delivered", handler="crm", attempt=1)
        self.assertEqual(requests, ["tool-calls"] * 3 + ["status-update"] * 2)

    def test_told_only_events_are_tried_again(self):
        answers = [(500, b""), (404, b"<html>"), HANG, (200, b"")]
        receiver = self.receiver(lambda got: answers[got.body["attempt"] - 1])
        self.start([service(receiver.url, retry=[STEP] * 5)],
                   [route("status-update", "crm", timeout="1s")], journal=DURABLE)
        post(self.daemon.tcp, event_body("status-update"))
        self.daemon.wait_for("event.delivered", handler="crm", attempt=4)
        whys = [r["why"] for r in self.daemon.records("delivery.retry")]
        self.assertEqual(whys, ["it answered 500", "it answered 404", "no answer in time"])
        got = receiver.got
        self.assertEqual([g.headers["X-Hookswitch-Attempt"] for g in got], ["1", "2", "3", "4"])
        self.assertEqual(len({g.headers["traceparent"].split("-")[1] for g in got}), 1, "one trace")
        self.assertEqual(len({g.headers["traceparent"] for g in got}), 4)

    def test_what_must_not_be_tried_again(self):
        for answer in ((410, b""), {"error": {"message": "no such customer", "retry": False}},
                       (422, {"error": {"message": "no such customer", "retry": False}})):
            with self.subTest(answer=answer):
                receiver = self.receiver(lambda got: answer)
                daemon = self.start([service(receiver.url, retry=[STEP] * 5)])
                post(daemon.tcp, event_body("status-update"))
                dead = daemon.wait_for("delivery.dead", handler="crm", attempt=1)
                self.assertRegex(dead["why"], r"\Ait answered 410\Z|no such customer\Z")

    def gone(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]

    def test_a_service_that_is_gone_is_left_alone(self):
        self.start([service(f"http://127.0.0.1:{self.gone()}/", breaker_failures=2, breaker_pause="1h", retry=["1h"])])
        self.assertEqual([self.result(), self.result()], ["fallback"] * 2)
        opened = self.daemon.wait_for("circuit.open", handler="crm", failures=2, pause_ms=3_600_000)
        self.assertIn("Connection refused", opened["why"])
        mark = self.daemon.mark()
        self.assertEqual(self.result(), "fallback")
        self.assertRegex(self.why(mark), "the service was not asked, .*Connection refused")
        self.assertEqual((self.metric("handler_circuit_open"), self.metric("handler_circuit_opened_total")), (1, 1))
        # For what nobody waits for that is a failed attempt.
        post(self.daemon.tcp, event_body("status-update"))
        self.daemon.wait_for("delivery.retry", handler="crm", attempt=1, why=re.compile("not asked"))

    def test_a_service_that_is_back_is_found_out(self):
        port = self.gone()
        self.start([service(f"http://127.0.0.1:{port}/", breaker_failures=1, breaker_pause="100ms",
                            retry=["50ms"] * 100)])
        post(self.daemon.tcp, event_body("status-update"))
        self.daemon.wait_for("circuit.open", handler="crm")
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(PATIENCE)
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                self.daemon.wait_for("circuit.closed", handler="crm")
        self.daemon.wait_for("event.delivered", handler="crm")
        self.assertEqual((self.metric("handler_circuit_open"), self.metric("handler_circuit_opened_total")), (0, 1))

    def test_overload_opens_the_circuit_and_faults_of_events_do_not(self):
        status = [500]
        receiver = self.receiver(lambda got: (status[0], b""))
        self.start([service(receiver.url, breaker_failures=3, breaker_pause="1h")])
        for _ in range(5):
            self.assertEqual(self.result(), "fallback")
        self.assertEqual(self.metric("handler_circuit_opened_total"), 0)
        status[0] = 503
        for _ in range(5):
            self.assertEqual(self.result(), "fallback")
        self.assertEqual(len(receiver.got), 8)
        self.assertEqual(self.daemon.wait_for("circuit.open")["why"], "it answered 503")


class Lifetime(UpstreamTest):
    def test_reload_under_use(self):
        gate = Gate()
        old, new = self.receiver(gate), self.receiver(lambda got: {"reply": {"result": "new"}})
        self.start([service(old.url)])
        asking = self.ask("old")
        gate.await_arrivals()
        text = (self.daemon.directory / "hookswitch.toml").read_text()
        self.assertEqual(self.daemon.reload(text.replace(old.url, new.url))["event"], "reload.done")
        self.assertEqual(self.result(), "new")
        gate.open()
        self.assertEqual(only_result(asking.answer()), "old")
        await_metric(self.daemon, "handler_slots", 64, handler="crm")

    def test_a_service_that_is_down_does_not_keep_a_reload_back(self):
        receiver = self.receiver()
        self.start([service(receiver.url)])
        text = (self.daemon.directory / "hookswitch.toml").read_text()
        record = self.daemon.reload(text.replace(receiver.url, "http://127.0.0.1:9/"))
        self.assertEqual(record["event"], "reload.done")
        self.assertEqual(self.result(), "fallback")

    def test_stop_waits_for_what_is_in_flight(self):
        gate = Gate()
        receiver = self.receiver(gate)
        self.start([service(receiver.url)])
        asking = self.ask("look")
        gate.await_arrivals()
        self.daemon.terminate()
        self.daemon.wait_for("server.stopping")
        gate.open()
        self.assertEqual(only_result(asking.answer()), "look")
        self.daemon.expect_exit(0)

    def test_stop_does_not_wait_for_ever(self):
        receiver = self.receiver(lambda got: HANG)
        self.start([service(receiver.url)], [route("*", "crm", timeout="10m")], server={"drain_timeout": "200ms"})
        post(self.daemon.tcp, event_body("status-update"))
        await_metric(self.daemon, "handler_slots_busy", 1, handler="crm")
        self.daemon.stop(timeout=10)

    def test_check(self):
        text = config(handlers=[service("https://crm.internal/", ca_file="gone.pem", secret_file="nothing",
                                        forward="body")], routes=[route("*", "crm")])
        path = self.directory() / "hookswitch.toml"
        path.write_text(text)
        done = run("check", "-c", path)
        self.assertEqual(done.returncode, 1)
        for key in ("ca_file", "secret_file", "forward"):
            self.assertIn(f"handler[0].{key}: ".encode(), done.stderr + done.stdout)


class Raw(UpstreamTest):
    """An existing receiver of the platform's behind Hookswitch, unchanged."""

    def start_raw(self, answer, routes=None, *, fixed_tools=(), **more):
        self.platform_receiver = self.receiver(answer)
        routes = routes or [
            *(route("tool-calls", "fixed", tool=tool) for tool in fixed_tools),
            route("tool-calls", "crm", timeout="2s", fallback=FALLBACK),
            route("*", "crm"),
        ]
        settings = {k: more.pop(k) for k in ("secret_file", "retry", "max_answer") if k in more}
        return self.start([service(self.platform_receiver.url, forward="raw", **settings)], routes, **more)

    def test_the_request_and_the_answer_as_they_are(self):
        for dialect in ("camel", "snake", "legacy"):
            with self.subTest(dialect):
                text = b'{ "results" : [ {"toolCallId":"id_1", "result" : {"a":1.0} }],\n"extra":null}'
                daemon = self.start_raw(lambda got: text)
                body = tool_calls(("id_1", "one", {}), ("id_2", "two", {}), dialect=dialect)
                more = [("User-Agent", "HMS-Sovereign/1.0"), ("X-Webhook-Event", "tool-calls"), ("X-Odd", "a;  b"),
                        ("X-Forwarded-For", "198.51.100.7"), ("traceparent", TRACE), ("Accept-Encoding", "gzip")]
                sent = request(body, headers=more)
                with Connection(daemon.tcp) as connection:
                    self.assertEqual(connection.ask(sent).body, text)
                (got,) = self.platform_receiver.got
                self.assertEqual(got.raw, body)
                self.assertTrue(got.signed_with(SECRET), "with the platform's own signature")
                headers = dict(got.headers)
                own = {"X-Hookswitch-Event-Id", "X-Hookswitch-Attempt", "X-Hookswitch-Deadline-Ms"}
                self.assertLessEqual(own, set(headers))
                lines = sent.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
                expected = dict(line.split(": ", 1) for line in lines)
                del expected["Accept-Encoding"]
                expected["Host"] = self.platform_receiver.address
                self.assertEqual({k: v for k, v in headers.items() if k not in own}, expected)

    def test_an_assistant_request(self):
        text = b'{"assistant_id":"asst_1",  "assistant_override":{}}'
        daemon = self.start_raw(lambda got: text)
        self.assertEqual(post(daemon.tcp, event_body("assistant-request", "snake")).body, text)

    def test_signed_anew(self):
        daemon = self.start_raw(lambda got: {"results": []}, secret_file="inner")
        body = tool_calls("one")
        post(daemon.tcp, body)
        (got,) = self.platform_receiver.got
        self.assertEqual(got.raw, body)
        self.assertTrue(got.signed_with(INNER))
        self.assertEqual(len(got.headers.get_all("X-Webhook-Signature")), 1)

    def test_only_some_of_the_tool_calls(self):
        """The receiver gets the whole request; of its answer only what it was asked for is taken."""
        answer = {"results": [{"toolCallId": "id_3", "result": 3}, {"toolCallId": "id_1", "result": "one"},
                              {"toolCallId": "id_2", "result": "not asked"}]}
        daemon = self.start_raw(lambda got: answer, fixed_tools=["two"])
        body = tool_calls(("id_1", "one", {}), ("id_2", "two", {}), ("id_3", "three", {}))
        results = post(daemon.tcp, body).json()["results"]
        self.assertEqual([(r["toolCallId"], r["result"]) for r in results], [("id_1", "one"), ("id_2", "ok"), ("id_3", 3)])
        (got,) = self.platform_receiver.got
        self.assertEqual(got.raw, body)

    def test_answers_that_are_none(self):
        answers = {"500": (500, {"results": []}), "no JSON": (200, b"OK"), "no object": (200, b"[]"), "empty": (200, b""),
                   "hangs": HANG}
        daemon = self.start_raw(lambda got: answers[got.message["toolCallList"][0]["function"]["name"]])
        for name in answers:
            with self.subTest(name):
                results = post(daemon.tcp, tool_calls(name, name)).json()["results"]
                self.assertEqual([r["result"] for r in results], ["fallback", "fallback"])

    def test_told_only_events_come_from_the_journal_too(self):
        """Any 2xx acknowledges, whatever its body; and after hours only a new signature is fresh."""
        up = threading.Event()
        daemon = self.start_raw(lambda got: (200, b"OK, thanks") if up.is_set() else (500, b""),
                                secret_file="inner", retry=["200ms"] * 50, journal=DURABLE)
        body = event_body("end-of-call-report", "snake", summary="é\n", ended_at=None)
        with Connection(daemon.tcp) as connection:
            connection.ask(request(body, headers=[("X-Webhook-Event", "end-of-call-report")]))
        daemon.wait_for("delivery.retry", handler="crm")
        daemon.restart()
        daemon.wait_for("delivery.retry", handler="crm", attempt=2)
        up.set()
        daemon.wait_for("event.delivered", handler="crm")
        for got in self.platform_receiver.got:
            self.assertEqual((got.raw, got.headers["X-Webhook-Event"]), (body, "end-of-call-report"))
            self.assertTrue(got.signed_with(INNER))


if __name__ == "__main__":
    unittest.main()
