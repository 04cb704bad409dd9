"""/metrics: what is counted, after traffic that is known."""

import subprocess
import time
import unittest

from admin import admin, await_metric, scrape
from control import Control
from deliveries import Asking, event_body, only_result, post, request, tool_calls
from rawhttp import Connection
from support import DURABLE, Daemon, config, reply, route, run, source, worker

FALLBACK = {"result": "fallback"}


class MetricsTest(unittest.TestCase):
    def start(self, *, journal=None, server=None, sources=None, **pool):
        self.control = self.enterContext(Control())
        self.text = config(
            server=server,
            admin={},
            journal=journal,
            sources=sources,
            handlers=[
                worker("held", "puppet.py", control=self.control, **pool),
                reply("fixed", {"result": "ok"}),
                reply("desk", {"assistant_id": "asst_1"}),
            ],
            routes=[
                route("tool-calls", "fixed", tool="quick"),
                route("tool-calls", "held", tool="short", timeout="500ms", fallback=FALLBACK),
                route("tool-calls", "held", tool="held", fallback=FALLBACK),
                route("assistant-request", "desk"),
                route("status-update", "held"),
            ],
        )
        self.daemon = self.enterContext(Daemon(self.text))
        return self.daemon

    def expect(self, metrics, name, value, **labels):
        self.assertEqual(metrics.get(name, **labels), value, f"{name} {labels}")


class Counting(MetricsTest):
    def test_requests_by_source_event_and_status(self):
        daemon = self.start(sources=[source(), source("other", "/other")], server={"max_body": "64KiB"})
        posted = [
            post(daemon.tcp, tool_calls("quick", "quick")),
            post(daemon.tcp, event_body("assistant-request"), path="/other"),
            post(daemon.tcp, event_body("end-of-call-report")),
            post(daemon.tcp, event_body("call-quality")),
            post(daemon.tcp, event_body("call-quality")),
            post(daemon.tcp, b"[]"),
            post(daemon.tcp, tool_calls("quick"), secret="wrong"),
            post(daemon.tcp, tool_calls("quick"), timestamp=1),
            post(daemon.tcp, tool_calls("quick"), secret=None),
            post(daemon.tcp, b"x" * 70_000),
            post(daemon.tcp, b"{}", method="PUT"),
            post(daemon.tcp, b"{}", path="/nothing"),
            post(daemon.tcp, b"{}", headers=[("Content-Length", "7")]),
        ]
        self.assertEqual([r.status for r in posted], [200] * 5 + [400] + [401] * 3 + [413, 405, 404, 400])
        metrics = scrape(daemon)
        counted = {
            ("main", "tool-calls", "200"): 1,
            ("other", "assistant-request", "200"): 1,
            ("main", "end-of-call-report", "200"): 1,
            ("main", "other", "200"): 2,
            ("main", "", "400"): 1,
            ("main", "", "401"): 3,
            ("main", "", "413"): 1,
            ("main", "", "405"): 1,
            ("", "", "404"): 1,
            ("", "", "400"): 1,
        }
        for (name, event, status), value in counted.items():
            self.expect(metrics, "requests_total", value, source=name, event=event, status=status)
        self.assertEqual(metrics.sum("requests_total"), len(posted))
        self.expect(metrics, "rejected_signatures_total", 3, source="main")
        self.expect(metrics, "rejected_signatures_total", 0, source="other")
        # What has not happened is there as 0, so that its first time is seen as an increase.
        self.expect(metrics, "requests_total", 0, source="other", event="tool-calls", status="200")

    def test_duplicates(self):
        daemon = self.start()
        bodies = [tool_calls("quick"), event_body("end-of-call-report")]
        for body in [*bodies, *bodies, bodies[0]]:
            self.assertEqual(post(daemon.tcp, body).status, 200)
        metrics = scrape(daemon)
        self.expect(metrics, "duplicates_total", 2, source="main", event="tool-calls")
        self.expect(metrics, "duplicates_total", 1, source="main", event="end-of-call-report")
        self.expect(metrics, "duplicates_total", 0, source="main", event="status-update")
        self.expect(metrics, "requests_total", 3, source="main", event="tool-calls", status="200")
        self.expect(metrics, "answer_duration_seconds_count", 1, event="tool-calls", handler="fixed")

    def test_answers_in_time_late_and_failed(self):
        daemon = self.start(concurrency=8)
        self.assertEqual(only_result(post(daemon.tcp, tool_calls("quick"))), "ok")
        self.assertEqual(post(daemon.tcp, event_body("assistant-request")).status, 200)
        self.assertEqual(post(daemon.tcp, tool_calls("no_such_tool")).status, 200)
        # Past its deadline: the fallback, and then the answer that nobody waits for any more.
        asking = Asking(daemon.tcp, tool_calls("short"))
        late = self.control.event()
        self.assertEqual(only_result(asking.answer()), "fallback")
        late.result("too late")
        # A handler that says that it cannot.
        asking = Asking(daemon.tcp, tool_calls("held"))
        self.control.event().fail("CRM is down")
        self.assertEqual(only_result(asking.answer()), "fallback")
        # And one answer that is used.
        asking = Asking(daemon.tcp, tool_calls("held"))
        self.control.event().result("served")
        self.assertEqual(only_result(asking.answer()), "served")

        metrics = await_metric(daemon, "handler_late_answers_total", 1, handler="held")
        held = {"event": "tool-calls", "handler": "held"}
        self.expect(metrics, "fallbacks_total", 2, **held)
        self.expect(metrics, "handler_failures_total", 2, **held)
        self.expect(metrics, "handler_missed_deadlines_total", 1, **held)
        self.expect(metrics, "built_in_answers_total", 0, **held)
        self.expect(metrics, "answer_duration_seconds_count", 3, **held)
        self.expect(metrics, "answer_duration_seconds_bucket", 3, le="+Inf", **held)
        self.assertLessEqual(metrics.get("answer_duration_seconds_bucket", le="0.25", **held), 2)
        self.assertGreaterEqual(metrics.get("answer_duration_seconds_sum", **held), 0.5)
        # Of the platform's 10 s, at least 0.5 s were gone once; nothing came near the end.
        self.expect(metrics, "answer_headroom_seconds_bucket", 0, le="0.5", **held)
        self.assertGreaterEqual(metrics.get("answer_headroom_seconds_bucket", le="9.5", **held), 1)
        self.assertLessEqual(metrics.get("answer_headroom_seconds_sum", **held), 29.5)
        self.expect(metrics, "answer_duration_seconds_count", 1, event="assistant-request", handler="desk")
        self.expect(metrics, "answer_headroom_seconds_bucket", 1, le="5", event="assistant-request", handler="desk")
        self.expect(metrics, "built_in_answers_total", 1, event="tool-calls", handler="")

    def test_workers(self):
        daemon = self.start(workers=2)
        processes = [self.control.worker() for _ in range(2)]
        metrics = await_metric(daemon, "workers_up", 2, handler="held")
        self.expect(metrics, "workers_configured", 2, handler="held")
        self.expect(metrics, "worker_restarts_total", 0, handler="held")
        self.assertIsNone(metrics.get("workers_up", handler="fixed"))

        processes[0].crash()
        self.control.worker()
        metrics = await_metric(daemon, "workers_up", 2, handler="held")
        self.expect(metrics, "worker_restarts_total", 1, handler="held")

    def test_workers_after_a_reload(self):
        daemon = self.start(workers=2)
        await_metric(daemon, "workers_up", 2, handler="held")
        self.assertEqual(daemon.reload(self.text.replace("workers = 2", "workers = 1"))["event"], "reload.done")
        metrics = await_metric(daemon, "workers_up", 1, handler="held")
        self.expect(metrics, "workers_configured", 1, handler="held")
        self.expect(metrics, "worker_restarts_total", 0, handler="held")

    def test_reloads(self):
        daemon = self.start()
        started = scrape(daemon)
        self.expect(started, "config_last_reload_successful", 1)
        self.assertEqual(daemon.reload("nonsense")["event"], "reload.failed")
        failed = scrape(daemon)
        self.expect(failed, "config_reloads_total", 1, result="failure")
        self.expect(failed, "config_last_reload_successful", 0)
        when = "config_last_reload_success_timestamp_seconds"
        self.assertEqual(failed.get(when), started.get(when))
        self.assertEqual(daemon.reload(self.text)["event"], "reload.done")
        done = scrape(daemon)
        self.expect(done, "config_reloads_total", 1, result="success")
        self.expect(done, "config_last_reload_successful", 1)
        self.assertGreater(done.get(when), started.get(when))
        self.assertLess(abs(done.get(when) - time.time()), 60)
        self.assertLessEqual(done.get("start_time_seconds"), started.get(when))

    def test_connections(self):
        daemon = self.start(server={"max_connections": 2})
        with Connection(daemon.tcp) as first, Connection(daemon.tcp) as second:
            for connection in (first, second):
                self.assertEqual(connection.ask(request(tool_calls("quick"))).status, 200)
            metrics = scrape(daemon)
            self.expect(metrics, "connections", 2)
            self.expect(metrics, "connections_accepted_total", 2)
            with Connection(daemon.tcp) as third:
                self.assertEqual(third.response().status, 503)
            metrics = scrape(daemon)
            self.expect(metrics, "connections_accepted_total", 3)
            self.expect(metrics, "connections_refused_total", 1)
            self.expect(metrics, "requests_total", 2, source="main", event="tool-calls", status="200")
        await_metric(daemon, "connections", 0)

    def test_journal(self):
        daemon = self.start(journal=DURABLE)
        for _ in range(5):
            self.assertEqual(post(daemon.tcp, event_body("end-of-call-report")).status, 200)
        metrics = await_metric(daemon, "journal_events_total", 5)
        self.expect(metrics, "journal_enabled", 1)
        self.expect(metrics, "journal_up", 1)
        self.expect(metrics, "journal_commit_events_sum", 5)
        commits = metrics.get("journal_commits_total")
        self.assertGreaterEqual(commits, 1)
        self.expect(metrics, "journal_commit_duration_seconds_count", commits)
        self.assertGreater(metrics.get("journal_written_bytes_total"), 5 * 100)
        self.assertEqual(metrics.sum("journal_failures_total"), 0)
        self.assertEqual(metrics.get("journal_lost_records_total"), 0)

    def test_without_a_journal(self):
        metrics = scrape(self.start())
        self.expect(metrics, "journal_enabled", 0)
        self.assertIsNone(metrics.get("journal_up"), "what there is not cannot be down")

    def test_deliveries(self):
        daemon = self.start(journal=DURABLE)
        held = {"handler": "held"}
        self.assertEqual(post(daemon.tcp, event_body("status-update", call_id="c1")).status, 200)
        self.assertEqual(post(daemon.tcp, event_body("status-update", call_id="c1", status="ended")).status, 200)
        first = self.control.event()
        metrics = await_metric(daemon, "delivery_backlog_events", 2, **held)
        self.expect(metrics, "delivery_in_progress_events", 1, **held)
        self.assertGreater(metrics.get("delivery_oldest_pending_age_seconds", **held), 0)
        first.answer(None)
        second = self.control.event()
        metrics = await_metric(daemon, "delivery_backlog_events", 1, **held)
        self.expect(metrics, "delivery_attempts_total", 1, outcome="delivered", **held)
        self.expect(metrics, "delivery_duration_seconds_count", 1, **held)
        self.expect(metrics, "delivery_dead_letters_total", 0, **held)
        second.answer(None)
        metrics = await_metric(daemon, "delivery_backlog_events", 0, **held)
        self.expect(metrics, "delivery_in_progress_events", 0, **held)
        self.expect(metrics, "delivery_oldest_pending_age_seconds", 0, **held)

    def test_dead_letters_and_redelivery(self):
        daemon = self.start(journal=DURABLE, retry=["10ms"])
        held = {"handler": "held"}
        self.assertEqual(post(daemon.tcp, event_body("status-update")).status, 200)
        for _ in range(2):
            event = self.control.event()
            event.fail("no")
        metrics = await_metric(daemon, "delivery_dead_letters_total", 1, **held)
        self.expect(metrics, "delivery_attempts_total", 1, outcome="failed", **held)
        self.expect(metrics, "delivery_attempts_total", 1, outcome="dead", **held)
        await_metric(daemon, "delivery_backlog_events", 0, **held)
        metrics = await_metric(daemon, "delivery_oldest_pending_age_seconds", 0, **held)
        response = admin(daemon.admin, f"/v1/events/{event['id']}/redeliver", "POST")
        self.assertEqual(response.status, 202)
        self.control.event().answer(None)
        metrics = await_metric(daemon, "delivery_attempts_total", 1, outcome="delivered", **held)
        self.expect(metrics, "delivery_redeliveries_total", 1, **held)

    def test_events_out_of_order(self):
        daemon = self.start()
        for n, status in enumerate(("in-progress", "ended", "in-progress")):
            body = event_body("status-update", call_id="c1", status=status, n=n)
            self.assertEqual(post(daemon.tcp, body).status, 200)
        for _ in range(3):
            self.control.event().answer(None)
        await_metric(daemon, "events_out_of_order_total", 1)


class TheFormat(MetricsTest):
    def test_promtool_has_nothing_to_say(self):
        daemon = self.start(journal=DURABLE, concurrency=8, retry=["10ms"])
        body = tool_calls("quick")
        posts = [body, body, event_body("assistant-request"), event_body("end-of-call-report"), tool_calls("none")]
        for each in posts:
            self.assertEqual(post(daemon.tcp, each).status, 200)
        self.assertEqual(post(daemon.tcp, body, secret="wrong").status, 401)
        self.assertEqual(post(daemon.tcp, body, path="/nothing").status, 404)
        self.assertEqual(post(daemon.tcp, event_body("status-update")).status, 200)
        for _ in range(2):
            self.control.event().fail("no")
        asking = Asking(daemon.tcp, tool_calls("short"))
        self.control.event()
        asking.answer()
        metrics = await_metric(daemon, "delivery_dead_letters_total", 1, handler="held")
        checked = subprocess.run(["promtool", "check", "metrics"], input=metrics.text.encode(), capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))

        response = admin(daemon.admin, "/metrics")
        self.assertEqual(response.header("content-type"), "text/plain; version=0.0.4; charset=utf-8")
        version = run("--version").stdout.decode().split()[-1]
        self.assertEqual(metrics.get("build_info", version=version), 1)


if __name__ == "__main__":
    unittest.main()
