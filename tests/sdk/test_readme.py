"""The examples of handlers/README.md do what it says."""

import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

from worker_process import HANDLERS, WorkerProcess, event, tool_call

README = (HANDLERS / "README.md").read_text(encoding="utf-8")
NODE = shutil.which("node") or shutil.which("nodejs")


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


class Examples(unittest.TestCase):
    def worker(self, name, interpreter, language):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        for sdk in ("python/hookswitch.py", "node/hookswitch.mjs"):
            shutil.copy(HANDLERS / sdk, directory.name)
        (source,) = examples(language)
        pathlib.Path(directory.name, name).write_text(source, encoding="utf-8")
        worker = WorkerProcess([interpreter, name], directory=directory.name)
        self.addCleanup(worker.kill)
        self.assertEqual(worker.receive(), {"hookswitch": 1})
        return worker

    def look_up(self, worker):
        sample = json.loads(examples("json")[0])
        answer = {"name": "Voorbeeld Klant", "phone": "+31612345678"}
        self.assertEqual(worker.ask(sample), {"id": "01JDEMO", "reply": {"result": answer}})

    def test_python(self):
        self.look_up(self.worker("lookup.py", sys.executable, "python"))

    @unittest.skipUnless(NODE, "node is not installed")
    def test_node(self):
        self.look_up(self.worker("lookup.mjs", NODE, "js"))

    @unittest.skipUnless(shutil.which("jq"), "jq is not installed")
    def test_shell(self):
        worker = self.worker("hours.sh", "/bin/sh", "sh")
        hours = worker.ask(tool_call("opening_hours"))["reply"]
        self.assertEqual(hours, {"result": "Monday to Friday, 9:00 to 17:00"})
        unknown = worker.ask(tool_call("x", {"q": "\\n é"}))["reply"]
        self.assertEqual(unknown, {"error": "There is no tool x."})
        self.assertEqual(worker.ask(event("status-update"))["reply"], {})
        worker.send_bytes(b"not json\n")
        self.assertEqual(worker.ask(event("status-update"))["reply"], {})

    def test_the_event_shown_has_the_keys_of_a_real_one(self):
        self.assertEqual(list(json.loads(examples("json")[0])), list(event("tool-calls")))


if __name__ == "__main__":
    unittest.main()
