"""handlers/node/hookswitch.mjs as a real process, and what is particular to Node."""

import pathlib
import shutil
import subprocess
import unittest

from behaviour import SdkBehaviour
from worker_process import HANDLERS, WorkerProcess, event, tool_call

NODE = shutil.which("node") or shutil.which("nodejs")
WORKERS = pathlib.Path(__file__).with_name("workers")
IMPORT = f'from "{(HANDLERS / "node" / "hookswitch.mjs").as_uri()}";\n'


@unittest.skipUnless(NODE, "node is not installed")
class Handlers(SdkBehaviour, unittest.TestCase):
    second = 1000
    source_name = "plain.mjs"
    command = [NODE, str(WORKERS / source_name)]

    def test_what_stringify_would_lose_is_an_error(self):
        worker = self.worker()
        for kind in ("map", "bigint", "symbol", "set", "function"):
            with self.subTest(kind):
                self.assertEqual(list(worker.ask(tool_call("opaque", {"kind": kind}))), ["id", "error"])

    def test_anything_may_be_thrown(self):
        self.assertEqual(self.worker().ask(tool_call("throw_text"))["error"]["message"], "kaputt")

    def test_an_unseen_rejection_is_logged_and_survived(self):
        worker = self.worker()
        self.assertEqual(self.result_of(worker, tool_call("reject_unseen")), {"result": "ok"})
        worker.log_line("unseen")
        self.assertEqual(self.result_of(worker, tool_call("nothing")), {"result": None})

    def test_the_signal_aborts_at_the_deadline(self):
        aborted = self.result_of(self.worker(), tool_call("abort", deadline_ms=5))
        self.assertEqual(aborted, {"result": "TimeoutError"})


@unittest.skipUnless(NODE, "node is not installed")
class NodeOnly(unittest.TestCase):
    def command(self, text):
        return [NODE, "--input-type=module", "--eval", text]

    def worker(self, text):
        worker = WorkerProcess(self.command(text))
        self.addCleanup(worker.kill)
        self.assertEqual(worker.receive(), {"hookswitch": 1})
        return worker

    def test_the_five_lines_of_the_documentation(self):
        worker = self.worker("import { tool, run } " + IMPORT + """
            tool("lookup_contact", ["query"], async ({ query }, event) => {
                return { name: query, phone: event.caller };
            });
            run();
        """)
        answer = worker.ask(tool_call("lookup_contact", {"query": "Voorbeeld Klant"}))
        self.assertEqual(answer["reply"]["result"], {"name": "Voorbeeld Klant", "phone": "+31612345678"})

    def test_star_takes_other_events(self):
        worker = self.worker("import { endOfCallReport, on, run } " + IMPORT + """
            on("*", ({ type }) => console.log("other", type));
            endOfCallReport(({ report }) => console.log("report", report.summary));
            run();
        """)
        worker.ask(event("call-quality"))
        worker.log_line("other call-quality")
        worker.ask(event("end-of-call-report", report={"summary": "short"}))
        worker.log_line("report short")
        self.assertIn("error", worker.ask(event("assistant-request")))

    def test_open_handles_do_not_hold_up_the_end(self):
        worker = self.worker("import { run } " + IMPORT + "setInterval(() => {}, 1000); run();")
        worker.close_input()
        self.assertEqual(worker.finish(), (0, []))

    def test_mistakes_are_told_when_the_worker_loads(self):
        for text, message in (
            ('tool("a", () => 1); tool("a", () => 2)', "there are two handlers for a"),
            ('on("tool-calls", () => 1)', "use tool"),
            ('tool("a", ["b"])', "the handler of a is not a function"),
        ):
            with self.subTest(text):
                done = subprocess.run(
                    self.command("import { tool, on } " + IMPORT + text), capture_output=True, text=True
                )
                self.assertIn(message, done.stderr)

    def test_frame_keys_cannot_replace_what_an_event_can_do(self):
        worker = self.worker("import { tool, run } " + IMPORT + """
            tool("probe", (_, event) =>
                [typeof event.say, typeof event.signal, event.raw.signal, event.fresh]);
            run();
        """)
        frame = tool_call("probe", say=1, signal=2, __proto__={"x": 1}, fresh=3)
        self.assertEqual(worker.ask(frame)["reply"], {"result": ["function", "object", 2, 3]})


if __name__ == "__main__":
    unittest.main()
