"""What every SDK must do, whatever its language. test_*_sdk.py runs it for each.

A subclass gives the `command` of a worker with the handlers below, `source_name` (the file they are in)
and `second` (the unit of `left`).

    echo(text)           returns text                 nothing()        returns nothing
    add(a, b = 10)       both in a list               numbers()        [1, 2.5, true, null]
    refuse()             ToolError "Not on Sundays."  again()          Retry "CRM is down"
    crash()              an unexpected exception that says "kaputt"
    chatty()             prints "from the handler" to standard output by every means, returns "ok"
    nan(), opaque()      return what JSON cannot hold
    child()              runs `cat` without giving it an input, returns its output
    left()               the time remaining
    act()                says, injects, transfers, ends; returns "done"
    wait(), release()    wait returns "waited" once release was called
    later()              returns "searching"; says "Found it." once release was called
    read_byte(path)      logs "about to read", returns the first byte of the file
    assistant-request    {"assistant": {"first_message": "Hello <caller>"}}, nothing for a withheld number;
                         to the called number "list" a list, to "closed" ToolError "We are closed."
    status-update        logs "status <status>"; "crash" raises, "refuse" raises ToolError "Not this one."
    call-quality         logs "quality <metadata.score>"

With the argument `concurrent` in its command line the worker does several at once, with `any` it has the
tool "*" too, which returns the name of the tool called.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile

from worker_process import PATIENCE, WorkerProcess, event, tool_call


class SdkBehaviour:
    def worker(self, *options):
        worker = WorkerProcess([*self.command, *options])
        self.addCleanup(worker.kill)
        self.assertEqual(worker.receive(), {"hookswitch": 1})
        return worker

    def result_of(self, worker, frame):
        answer = worker.ask(frame)
        self.assertEqual(list(answer), ["id", "reply"], answer)
        return answer["reply"]

    # Tools

    def test_result_is_the_value_returned(self):
        worker = self.worker()
        for name, arguments, result in (
            ("echo", {"text": "Jan"}, "Jan"),
            ("echo", {"text": {"deep": [1, None]}}, {"deep": [1, None]}),
            ("add", {"a": 1}, [1, 10]),
            ("add", {"a": 1, "b": None}, [1, None]),
            ("nothing", {}, None),
            ("numbers", {}, [1, 2.5, True, None]),
        ):
            with self.subTest(name, arguments=arguments):
                self.assertEqual(self.result_of(worker, tool_call(name, arguments)), {"result": result})

    def test_arguments_that_do_not_fit_are_an_error_for_the_model(self):
        worker = self.worker()
        for name, arguments, error in (
            ("echo", {}, "Missing argument: text. This tool takes: text."),
            ("echo", {"text": "x", "lang": "nl"}, "Unknown argument: lang. This tool takes: text."),
            ("add", {"c": 1}, "Missing argument: a. Unknown argument: c. This tool takes: a, b (optional)."),
            ("nothing", {"x": 1}, "Unknown argument: x. This tool takes: no arguments."),
            ("echo", ["x"], "The arguments of this tool call must be an object."),
        ):
            with self.subTest(name, arguments=arguments):
                self.assertEqual(self.result_of(worker, tool_call(name, arguments)), {"error": error})

    def test_arguments_may_be_null(self):
        frame = tool_call("nothing")
        frame["tool_call"]["arguments"] = None
        self.assertEqual(self.result_of(self.worker(), frame), {"result": None})

    def test_tool_error_is_read_by_the_model(self):
        self.assertEqual(self.result_of(self.worker(), tool_call("refuse")), {"error": "Not on Sundays."})

    def test_retry_is_an_error_that_may_be_tried_again(self):
        answer = self.worker().ask(tool_call("again"))
        self.assertEqual(answer["error"], {"message": "CRM is down", "retry": True})

    def test_an_exception_fails_one_event_and_is_logged_with_its_place(self):
        worker = self.worker()
        frame = tool_call("crash")
        answer = worker.ask(frame)
        self.assertNotIn("reply", answer)
        self.assertTrue(answer["error"]["retry"])
        self.assertIn("kaputt", answer["error"]["message"])
        worker.log_line(f"crash failed, event {frame['id']}")
        worker.log_line(self.source_name)  # a line of the stack
        self.assertEqual(self.result_of(worker, tool_call("echo", {"text": "on"})), {"result": "on"})

    def test_a_result_that_json_cannot_hold_fails_the_event(self):
        worker = self.worker()
        for name in ("nan", "opaque"):
            with self.subTest(name):
                answer = worker.ask(tool_call(name))
                self.assertEqual(list(answer), ["id", "error"])
                self.assertTrue(answer["error"]["retry"])
        self.assertEqual(self.result_of(worker, tool_call("echo", {"text": "on"})), {"result": "on"})

    def test_a_tool_without_handler_is_an_error_for_the_operator(self):
        answer = self.worker().ask(tool_call("stranger"))
        self.assertEqual(
            answer["error"], {"message": "the worker has no handler for stranger", "retry": False}
        )

    def test_star_takes_the_other_tools(self):
        worker = self.worker("any")
        self.assertEqual(self.result_of(worker, tool_call("stranger", {"any": 1})), {"result": "stranger"})
        self.assertEqual(self.result_of(worker, tool_call("echo", {"text": "own"})), {"result": "own"})

    # Other events

    def test_assistant_request(self):
        worker = self.worker()
        greeted = {"assistant": {"first_message": "Hello +31612345678"}}
        self.assertEqual(self.result_of(worker, event("assistant-request")), greeted)
        withheld = event("assistant-request", caller=None)
        self.assertEqual(self.result_of(worker, withheld), {})
        closed = event("assistant-request", called="closed")
        self.assertEqual(self.result_of(worker, closed), {"error": "We are closed."})
        self.assertIn("error", worker.ask(event("assistant-request", called="list")))

    def test_told_only_events_are_acknowledged(self):
        worker = self.worker()
        self.assertEqual(self.result_of(worker, event("status-update")), {})
        worker.log_line("status in-progress")
        self.assertEqual(self.result_of(worker, event("call-quality", metadata={"score": 7})), {})
        worker.log_line("quality 7")
        self.assertEqual(self.result_of(worker, event("end-of-call-report")), {})  # no handler
        self.assertEqual(self.result_of(worker, event("never-heard-of")), {})

    def test_told_only_events_can_fail(self):
        worker = self.worker()
        for status, message in (("crash", "kaputt"), ("refuse", "Not this one.")):
            answer = worker.ask(event("status-update", call={"id": "c", "status": status}))
            self.assertIn(message, answer["error"]["message"])
            self.assertEqual(answer["error"]["retry"], status == "crash")

    # Actions and time

    def test_actions_travel_with_the_answer(self):
        answer = self.worker().ask(tool_call("act"))
        self.assertEqual(answer["reply"], {"result": "done"})
        self.assertEqual(answer["actions"], [
            {"type": "say", "content": "One moment.", "end_after": False},
            {"type": "say", "content": "Goodbye.", "end_after": True},
            {"type": "inject-context", "content": "code 4821", "trigger_response": True},
            {"type": "transfer", "destination": "+31201234567", "message": "I connect you."},
            {"type": "transfer", "destination": "sip:desk@example.com"},
            {"type": "end-call"},
        ])  # fmt: skip

    def test_actions_after_the_answer_are_sent_on_their_own(self):
        worker = self.worker("concurrent")
        frame = tool_call("later")
        self.assertEqual(self.result_of(worker, frame), {"result": "searching"})
        worker.send(tool_call("release"))
        frames = [worker.receive(), worker.receive()]
        late = {"type": "say", "content": "Found it.", "end_after": False}
        self.assertIn({"call": frame["call"]["id"], "actions": [late]}, frames)

    def test_remaining_time_counts_from_the_event(self):
        worker = self.worker()
        left = self.result_of(worker, tool_call("left", deadline_ms=60_000))["result"] / self.second
        self.assertTrue(30 < left <= 60, left)
        self.assertEqual(self.result_of(worker, tool_call("left", deadline_ms=0)), {"result": 0})
        self.assertEqual(self.result_of(worker, tool_call("left", deadline_ms=None)), {"result": None})

    # The stream

    def test_answers_come_in_any_order(self):
        worker = self.worker("concurrent")
        slow, quick = tool_call("wait"), tool_call("echo", {"text": "quick"})
        worker.send(slow, quick)
        self.assertEqual(worker.receive(), {"id": quick["id"], "reply": {"result": "quick"}})
        worker.send(tool_call("release"))
        answers = {frame["id"]: frame for frame in (worker.receive(), worker.receive())}
        self.assertEqual(answers[slow["id"]]["reply"], {"result": "waited"})

    def test_many_at_once_stay_whole_lines(self):
        worker = self.worker("concurrent")
        frames = [tool_call("echo", {"text": str(number) * 20_000}) for number in range(100)]
        worker.send(*frames)
        answers = {answer["id"]: answer["reply"]["result"] for answer in (worker.receive() for _ in frames)}
        self.assertEqual(answers, {f["id"]: f["tool_call"]["arguments"]["text"] for f in frames})

    def test_printing_does_not_reach_the_stream(self):
        worker = self.worker()
        self.assertEqual(self.result_of(worker, tool_call("chatty")), {"result": "ok"})
        worker.log_line("from the handler")
        worker.close_input()
        self.assertEqual(worker.finish(), (0, []))

    def test_children_do_not_touch_the_stream(self):
        worker = self.worker()
        ask, after = tool_call("child"), tool_call("echo", {"text": "still here"})
        worker.send(ask, after)
        answers = [worker.receive(), worker.receive()]
        self.assertIn({"id": ask["id"], "reply": {"result": ""}}, answers)
        self.assertIn({"id": after["id"], "reply": {"result": "still here"}}, answers)

    def test_what_is_no_event_is_logged_and_passed_over(self):
        worker = self.worker()
        good = tool_call("echo", {"text": "good"})
        for bad in (b"not json {", b"[1,2]", b'"text"', b"null", b"7", b"{}", b'{"id":"x"}',
                    b'{"id":"x","type":"tool-calls"}', b'{"id":"x","type":"tool-calls","tool_call":7}',
                    b"\xff\xfe", b"[" * 100_000):  # fmt: skip
            with self.subTest(bad[:40]):
                worker.send_bytes(bad + b"\n")
                self.assertIn(f"of {len(bad)} bytes", worker.log_line("passed over a line"))
                self.assertEqual(self.result_of(worker, good), {"result": "good"})

    def test_empty_lines_are_nothing(self):
        worker = self.worker()
        worker.send_bytes(b"\n  \r\n")
        self.assertEqual(self.result_of(worker, tool_call("echo", {"text": "x"})), {"result": "x"})

    def test_every_character_survives(self):
        worker = self.worker()
        text = "één — ünïcode \U0001f600 日本語 \x00\x01\x7f \u2028\u2029\u0085 \r\n\t\"\\ {{x}} $&"
        frame = tool_call("echo", {"text": text})
        self.assertEqual(self.result_of(worker, frame), {"result": text})
        worker.send_bytes(json.dumps(frame, ensure_ascii=False).encode() + b"\r\n")
        self.assertEqual(worker.receive()["reply"], {"result": text})

    def test_half_a_surrogate_pair_does_not_break_the_line(self):
        worker = self.worker()
        frame = tool_call("echo", {"text": "cut \ud83d here \\ud83d"})
        result = self.result_of(worker, frame)["result"]
        result.encode("utf-8")  # no surrogate is left
        self.assertRegex(result, r"^cut (\?|\ufffd) here \\ud83d$")

    def test_big_frames(self):
        worker = self.worker()
        text = "ë\U0001f600" * 1_000_000
        self.assertEqual(self.result_of(worker, tool_call("echo", {"text": text})), {"result": text})

    def test_a_frame_may_come_in_pieces(self):
        worker = self.worker()
        line = json.dumps(tool_call("echo", {"text": "é\U0001f600"}), ensure_ascii=False).encode() + b"\n"
        for position in range(len(line)):
            worker.send_bytes(line[position : position + 1])
        self.assertEqual(worker.receive()["reply"], {"result": "é\U0001f600"})

    # The end

    def test_end_of_input_ends_the_worker(self):
        worker = self.worker()
        worker.close_input()
        self.assertEqual(worker.finish(), (0, []))

    def test_end_of_input_leaves_nothing_unanswered(self):
        echoes = [tool_call("echo", {"text": number}) for number in range(50)]
        for options, frames in (
            ([], echoes),
            (["concurrent"], [tool_call("wait"), *echoes, tool_call("release")]),
        ):
            with self.subTest(options):
                worker = self.worker(*options)
                worker.send(*frames)
                worker.close_input()
                status, answers = worker.finish()
                self.assertEqual(status, 0)
                self.assertEqual({a["id"] for a in answers}, {f["id"] for f in frames})

    def test_the_last_line_needs_no_end(self):
        worker = self.worker()
        frame = tool_call("echo", {"text": "last"})
        worker.send_bytes(json.dumps(frame).encode())
        worker.close_input()
        self.assertEqual(worker.finish(), (0, [{"id": frame["id"], "reply": {"result": "last"}}]))

    def test_sigterm_ends_an_idle_worker(self):
        worker = self.worker()
        worker.terminate()
        self.assertEqual(worker.finish(), (0, []))

    def test_sigterm_lets_work_finish(self):
        for options in ([], ["concurrent"]):
            with self.subTest(options), tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory, "fifo")
                os.mkfifo(path)
                with path.open("r+b", buffering=0) as fifo:
                    worker = self.worker(*options)
                    reading = tool_call("read_byte", {"path": str(path)})
                    worker.send(reading)
                    worker.log_line("about to read")
                    worker.terminate()
                    fifo.write(b"x")
                    answer = {"id": reading["id"], "reply": {"result": "x"}}
                    self.assertEqual(worker.finish(), (0, [answer]))

    def test_sigint_is_for_the_daemon(self):
        worker = self.worker()
        worker.process.send_signal(signal.SIGINT)
        self.assertEqual(self.result_of(worker, tool_call("echo", {"text": "on"})), {"result": "on"})

    def test_a_daemon_that_is_gone_ends_the_worker(self):
        worker = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.addCleanup(worker.stderr.close)
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        worker.stdout.readline()
        worker.stdout.close()
        worker.stdin.write(json.dumps(tool_call("echo", {"text": "anyone?"})).encode() + b"\n")
        worker.stdin.flush()
        self.assertEqual(worker.wait(PATIENCE), 0)
        worker.stdin.close()
