"""Handlers that are shared objects: what they get and say, and that one that hangs or crashes at load is nobody's problem."""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from admin import await_metric, scrape
from deliveries import Asking, event_body, only_result, post, tool_calls
from rawhttp import PATIENCE
from support import BINARY, DURABLE, HERE, Daemon, await_that, config, reply, route, run
from worker_case import FALLBACK

SDK = HERE.parents[1] / "handlers" / "sdk"
EXAMPLES = Path(BINARY).parent / "plugin-examples"
STEP = "20ms"  # of a schedule

_built = {}


def built(unique="-fno-gnu-unique", **defines):
    """trouble.so, compiled as plugin.h says, with these macros; once for each."""
    key = (unique, *sorted(defines.items()))
    if key not in _built:
        output = _directory / f"trouble{len(_built)}.so"
        macros = [f"-D{name}" if value is True else f"-D{name}={value}" for name, value in key[1:]]
        source = HERE / "plugins" / "trouble.cpp"
        options = ["-shared", "-fPIC", unique, "-Wall", f"-I{SDK}", *macros]
        subprocess.run(["g++", *options, "-o", output, source], check=True)
        _built[key] = output
    return _built[key]


def setUpModule():
    global _directory
    _directory = Path(unittest.enterModuleContext(tempfile.TemporaryDirectory(prefix="hs-plugins-")))


def plugin(name="held", library=None, mode="", **more):
    settings = {"mode": mode, **more.pop("settings", {})}
    return {"name": name, "type": "plugin", "library": str(library or built()), "settings": settings, **more}


class PluginTest(unittest.TestCase):
    def start(self, *handlers, timeout="9s", routes=(), retry=None, loaded=True, **more):
        held = [{"retry": retry, **h} if retry else h for h in handlers]
        routes = [
            *routes,
            route("tool-calls", "fixed", tool="healthy"),
            route("*", "held", timeout=timeout, fallback=FALLBACK),
        ]
        handlers = [*held, reply("fixed", {"result": "ok"})]
        self.text = config(handlers=handlers, routes=routes, admin={}, **more)
        self.daemon = self.enterContext(Daemon(self.text))
        if loaded:
            self.daemon.wait_for("plugin.started", handler="held")

    def gated(self, mode="", name="held", **more):
        """A plugin whose tool `wait` (and what else waits) goes on once open_gate() is called."""
        directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-gate-")))
        self.gate = directory / "gate"
        return plugin(name, mode=mode, settings={"gate": str(self.gate)}, **more)

    def open_gate(self):
        self.gate.touch()

    def ask(self, *tools):
        return Asking(self.daemon.tcp, tool_calls(*tools))

    def result(self, *tool):
        return only_result(post(self.daemon.tcp, tool_calls(*tool)))

    def metric(self, name, handler="held"):
        return scrape(self.daemon).get(name, handler=handler)

    def await_metric(self, name, value, handler="held"):
        await_metric(self.daemon, name, value, handler=handler)

    def assert_healthy(self):
        self.assertEqual(self.result("healthy"), "ok")


class Answers(PluginTest):
    def test_what_it_gets(self):
        self.start(plugin())
        body = tool_calls(("facts", {"query": "Jan"}), call_id="c-1", caller="+31612345678", called="+31850835037")
        facts = only_result(post(self.daemon.tcp, body)).split(" ")
        self.assertEqual(facts[1:-1], ["tool-calls", "main", "c-1", "+31612345678", "+31850835037", "facts",
                                       '{"query":"Jan"}', "1"])
        self.assertRegex(facts[0], r"^[0-9A-Z]{26}$")
        self.assertGreater(int(facts[-1]), 5000)
        event = self.result("event")
        event = event if isinstance(event, dict) else json.loads(event)
        self.assertEqual((event["type"], event["tool_call"]["name"]), ("tool-calls", "event"))
        self.assertLessEqual({"id", "source", "deadline_ms", "call", "report", "metadata"}, set(event))

    def test_what_it_says_in_every_dialect(self):
        self.start(plugin())
        for dialect in ("camel", "snake", "legacy"):
            with self.subTest(dialect):
                body = tool_calls("quoted", dialect=dialect)
                self.assertEqual(only_result(post(self.daemon.tcp, body)), '"a\\b"\nü')
                answer = post(self.daemon.tcp, event_body("assistant-request", dialect)).json()
                self.assertIn("asst_plugin", json.dumps(answer))

    def test_answers_that_are_none(self):
        self.start(plugin())
        for tool, why in (
            ("garbage", "its answer is "), ("other", "its answer is for another event"),
            ("long", "its answer is longer than 4 MiB"), ("fails", "CRM is down"),
            ("throws", "the plugin threw an exception"),
        ):
            with self.subTest(tool):
                mark = self.daemon.mark()
                self.assertEqual(self.result(tool), "fallback")
                record = self.daemon.wait_for("handler.failed", after=mark, handler="held")
                self.assertTrue(record["why"].startswith(why), record)
        self.assertNotIn("a secret", self.daemon.text())
        self.assert_healthy()

    def test_its_lines_in_the_log(self):
        self.start(plugin())
        self.daemon.wait_for("plugin.log", line="version 1", level="info")
        post(self.daemon.tcp, tool_calls("logs", call_id="c-7"))
        record = self.daemon.wait_for("plugin.log", level="warn", call="c-7", handler="held")
        self.assertEqual(record["line"], "two\nlines")
        self.assertTrue(record["id"])
        self.daemon.stop()
        self.daemon.wait_for("plugin.log", line="stopped")  # of the daemon's, the trial's are not shown
        self.assertEqual(len(self.daemon.records("plugin.log", line="stopped")), 1)

    def test_told_only_events_come_until_it_is_content(self):
        self.start(plugin(mode="told-fails"), retry=[STEP, STEP])
        self.assertEqual(post(self.daemon.tcp, event_body("status-update")).status, 200)
        self.daemon.wait_for("event.delivered", attempt=3)
        self.assertEqual(len(self.daemon.records("delivery.retry", why="not yet")), 2)

    def test_a_rejected_event_is_not_tried_again(self):
        self.start(plugin(mode="told-rejects"), retry=[STEP, STEP])
        post(self.daemon.tcp, event_body("status-update"))
        self.daemon.wait_for("delivery.dead", attempt=1, why="never")

    def test_threads(self):
        gated = self.gated(threads=3)
        self.start(gated)
        waiting = [self.ask("wait") for _ in range(2)]
        self.await_metric("handler_slots_busy", 2)
        self.assertRegex(self.result("thread"), r"^\d+$")
        self.open_gate()
        self.assertEqual([only_result(a.answer()) for a in waiting], ["waited"] * 2)
        self.assertEqual(self.metric("handler_slots"), 3)

    def test_a_plugin_that_can_have_one_thread_only(self):
        gated = self.gated(library=built(MAX_THREADS=1), threads=4, hang_timeout="100ms")
        self.start(gated, timeout="500ms")
        self.daemon.wait_for("plugin.started", threads=1)
        first = self.ask("wait")
        self.await_metric("handler_slots_busy", 1)
        second = self.ask("version")
        self.assertEqual([only_result(a.answer()) for a in (first, second)], ["fallback"] * 2)
        # The one that hangs is not replaced: two would be in the plugin at once. Nobody waits for it.
        self.daemon.wait_for("plugin.stuck", handler="held")
        self.assertEqual(self.result("version"), "fallback")
        self.open_gate()
        self.daemon.wait_for("plugin.recovered", threads=1)
        self.assertRegex(self.result("version"), "^1 ")


class Hanging(PluginTest):
    def test_the_fallback_comes_at_the_deadline_and_slots_stay_taken(self):
        self.start(self.gated(threads=1, queue=1), timeout="600ms")
        asking = [self.ask("wait")]
        self.await_metric("handler_slots_busy", 1)
        asking.append(self.ask("wait"))
        self.await_metric("handler_queued_events", 1)
        # Full: refused at once.
        mark = self.daemon.mark()
        self.assertEqual(self.result("version"), "fallback")
        self.daemon.wait_for("handler.failed", after=mark, why="the handler's queue is full")
        self.assertEqual([only_result(a.answer()) for a in asking], ["fallback"] * 2)
        self.await_metric("handler_cut_off_total", 1)
        self.assertEqual(self.metric("handler_refused_total"), 1)
        self.assertEqual(self.metric("handler_slots_busy"), 1)
        self.assert_healthy()
        self.open_gate()  # what comes too late is counted, and the thread goes on
        self.await_metric("handler_slots_busy", 0)
        self.assertRegex(self.result("version"), "^1 ")

    def test_threads_that_hang_are_replaced(self):
        self.start(self.gated(threads=2, hang_timeout="0s"), timeout="100ms")
        for _ in range(4):
            self.assertEqual(self.result("wait"), "fallback")
        self.daemon.wait_for("plugin.hangs", count=4, handler="held")
        self.assertEqual(self.result("facts")[:2], "01")
        self.open_gate()

    def test_but_not_for_ever(self):
        self.start(self.gated(threads=8, hang_timeout="0s"), timeout="100ms")
        for _ in range(3):
            for one in [self.ask("wait") for _ in range(8)]:
                self.assertEqual(only_result(one.answer()), "fallback")
        self.daemon.wait_for("plugin.stuck", handler="held")
        mark = self.daemon.mark()
        self.assertEqual(self.result("version"), "fallback")
        self.daemon.wait_for("handler.failed", after=mark, why="the plugin hangs on all its threads")
        self.open_gate()
        self.daemon.wait_for("plugin.recovered")
        await_that(lambda: self.result("facts") != "fallback", "the plugin works again")

    def test_a_told_only_event_gets_another_thread(self):
        self.start(self.gated("told-waits", threads=2, hang_timeout="0s"), timeout="100ms", retry=[STEP] * 50)
        post(self.daemon.tcp, event_body("status-update"))
        self.daemon.wait_for("plugin.hangs")
        self.open_gate()
        self.daemon.wait_for("event.delivered")

    def test_a_stop_does_not_wait_for_it(self):
        self.start(self.gated(threads=2), server={"drain_timeout": "200ms"}, timeout="300ms")
        self.assertEqual(self.result("wait"), "fallback")
        self.daemon.stop()
        self.daemon.wait_for("plugin.left")

    def test_nor_for_its_stop(self):
        self.start(plugin(mode="stop-hangs"))
        self.assertRegex(self.result("version"), "^1 ")
        self.daemon.stop()
        self.daemon.wait_for("plugin.left")


class Loading(PluginTest):
    CONSTRUCTORS = {
        "abort()": "it ended its process in loading: killed by signal 6",
        "_exit(0)": "it ended its process in loading: exited with status 0",
        "hang()": "it hung in loading for 3s",
        "throw 1": "it ended its process in loading: killed by signal 6",
    }
    BUILDS = {
        "ABI": (7, "it is built for version 7 of the interface, this daemon has 1"),
        "SIZE": (16, "its hookswitch_plugin has 16 bytes"),
        "NO_ENTRY": (True, "it exports no hookswitch_plugin_entry"),
        "UNRESOLVED": (True, "undefined symbol: hookswitch_test_nobody_has_this"),
    }
    MODES = {
        "start-aborts": "it ended its process in start(): killed by signal 6",
        "start-hangs": "it hung in start() for 3s",
        "start-refuses": "it refused to start: no licence",
        "start-throws": "it threw an exception in start()",
        "stop-aborts": "it ended its process in stop(): killed by signal 6",
    }

    def faulty(self):
        """Handlers that cannot be loaded, and why."""
        libraries = [(built(CONSTRUCTOR=what), "", why) for what, why in self.CONSTRUCTORS.items()]
        libraries += [(built(**{name: value}), "", why) for name, (value, why) in self.BUILDS.items()]
        libraries += [(built(), mode, why) for mode, why in self.MODES.items()]
        empty = _directory / "empty.so"
        empty.touch()
        text = _directory / "text.so"
        text.write_text("no library")
        libraries += [(empty, "", "the file is empty"), (text, "", "")]
        for number, (library, mode, why) in enumerate(libraries):
            limit = "3s" if "hung" in why else "1m"
            yield plugin(f"faulty{number}", library, mode, start_timeout=limit), why

    def test_one_that_cannot_be_loaded_delays_nobody(self):
        handlers, whys = zip(*self.faulty())
        routes = [route("tool-calls", h["name"], tool=h["name"], fallback=FALLBACK) for h in handlers]
        self.start(*handlers, plugin(), routes=routes, loaded=False)  # ready although some will hang for seconds
        asking = [self.ask(h["name"]) for h in handlers]
        self.assert_healthy()
        for one in asking:
            self.assertEqual(only_result(one.answer()), "fallback")
        for handler, why in zip(handlers, whys):
            record = self.daemon.wait_for("plugin.failed", handler=handler["name"])
            # So many trials at once: some are not even begun in their time.
            self.assertTrue(record["why"].startswith("it hung" if "hung" in why else why), record)
        self.assertRegex(self.result("version"), "^1 ")
        mark = self.daemon.mark()
        self.assertEqual(self.result("faulty1"), "fallback")  # at once: nobody waits for one that is not there
        self.daemon.wait_for("handler.failed", after=mark, why=re.compile("^the plugin could not be loaded: "))

    def test_check_finds_it(self):
        handlers, whys = zip(*self.faulty())
        routes = [route("tool-calls", h["name"], tool=h["name"]) for h in [*handlers, plugin()]]
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "secret").write_text("s3cret")
            file = Path(directory) / "hookswitch.toml"
            file.write_text(config(handlers=[*handlers, plugin()], routes=routes))
            done = run("check", "-c", file)
        lines = [line for line in done.stdout.decode().splitlines() if ".library: " in line]
        self.assertEqual((done.returncode, len(lines)), (1, len(handlers)), done.stdout.decode())
        for number, (line, handler, why) in enumerate(zip(lines, handlers, whys)):
            self.assertRegex(line, rf"hookswitch\.toml:\d+:\d+: handler\[{number}\]\.library: '{handler['library']}': ")
            self.assertIn(why, line)

    def test_check_as_root_runs_only_what_is_roots(self):
        with tempfile.TemporaryDirectory() as directory:
            library = Path(directory) / "writable.so"
            shutil.copy(built(), library)
            library.chmod(0o666)
            (Path(directory) / "secret").write_text("s3cret")
            file = Path(directory) / "hookswitch.toml"
            routes = [route("tool-calls", "held")]
            file.write_text(config(handlers=[plugin(library=library, mode="start-aborts")], routes=routes))
            done = run("check", "-c", file)
        self.assertEqual(done.returncode, 0)
        self.assertIn("handler[0].library: not tried: others than root can change it", done.stdout.decode())

    def test_it_is_tried_again_and_may_have_been_mended(self):
        daemon = Daemon(config(handlers=[plugin(library="plugin.so")], admin={},
                               routes=[route("tool-calls", "held", fallback=FALLBACK)]))
        shutil.copy(built(ABI=7), daemon.directory / "plugin.so")
        self.daemon = self.enterContext(daemon)
        daemon.wait_for("plugin.failed")
        shutil.copy(built(), daemon.directory / "plugin.so")
        daemon.wait_for("plugin.started")
        self.assertRegex(self.result("version"), "^1 ")

    def test_what_goes_well_only_in_the_trial(self):
        refuses = plugin("refuses", mode="later-refuses")
        hangs = self.gated("later-waits", start_timeout="2s")
        routes = [route("tool-calls", "refuses", tool="refuses", fallback=FALLBACK)]
        self.start(hangs, refuses, routes=routes, loaded=False)
        self.daemon.wait_for("plugin.failed", handler="refuses", why="it refused to start: no licence")
        asking = self.ask("version")  # waits for the start
        self.daemon.wait_for("plugin.hangs", handler="held")
        self.assertEqual(only_result(asking.answer()), "fallback")
        self.assert_healthy()
        self.open_gate()
        self.daemon.wait_for("plugin.started", handler="held")
        self.assertRegex(self.result("version"), "^1 ")

    def test_events_wait_for_the_start(self):
        self.start(self.gated("later-waits"), loaded=False)
        asking = self.ask("version")
        self.daemon.wait_for("event.accepted")
        self.open_gate()
        self.assertRegex(only_result(asking.answer()), "^1 ")


class Reload(PluginTest):
    def test_the_new_library_answers_and_the_old_one_finishes(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-reload-")))
        library = directory / "plugin.so"
        shutil.copy(built(), library)
        self.start(self.gated(library=library))
        self.assertEqual(self.result("version"), "1 1")
        waiting = self.ask("wait")
        self.await_metric("handler_slots_busy", 1)
        shutil.copy(built(VERSION='"2"'), library)  # into the file that is in use
        self.assertEqual(self.daemon.reload()["event"], "reload.done")
        self.assertEqual(self.result("version"), "2 1")
        self.open_gate()
        self.assertEqual(only_result(waiting.answer()), "waited")
        self.daemon.wait_for("plugin.log", line="stopped")
        # One that cannot work leaves things as they are.
        shutil.copy(built(CONSTRUCTOR="abort()"), library)
        self.assertEqual(self.daemon.reload()["event"], "reload.failed")
        self.assertEqual(self.result("version"), "2 2")

    def test_libraries_are_unloaded_again(self):
        self.start(plugin())
        for _ in range(5):
            self.assertEqual(self.daemon.reload()["event"], "reload.done")
        self.daemon.wait_for("plugin.log", line="stopped", count=5)
        maps = Path(f"/proc/{self.daemon.process.pid}/maps")

        def copies():
            text = maps.read_text()
            return len({line.split()[4] for line in text.splitlines() if "hookswitch-plugin" in line})

        await_that(lambda: copies() == 1, lambda: f"{copies()} copies in memory:\n{maps.read_text()}")

    def test_one_that_stays_is_told_of(self):
        self.start(plugin(library=built(unique="-fgnu-unique")))
        self.assertIn("-fno-gnu-unique", self.daemon.wait_for("plugin.stays", handler="held")["why"])
        self.assertEqual(self.daemon.reload()["event"], "reload.done")
        self.assertRegex(self.result("version"), "^1 ")

    def test_two_handlers_share_nothing(self):
        self.start(plugin(), plugin("other"), routes=[route("tool-calls", "other", tool="version")])
        for _ in range(3):
            self.result("facts")
        self.assertEqual(self.result("version"), "1 1")


class Crash(PluginTest):
    def test_a_crash_takes_the_daemon_along_but_no_event_is_lost(self):
        self.start(self.gated("told-waits told-aborts"), journal=DURABLE)
        self.assertEqual(post(self.daemon.tcp, event_body("end-of-call-report")).status, 200)
        self.open_gate()
        self.daemon.expect_exit(-6, PATIENCE)
        self.daemon.write("hookswitch.toml", self.text.replace("told-aborts", "mended"))
        self.daemon.start()
        self.daemon.wait_for("event.delivered", type="end-of-call-report")


class Examples(PluginTest):
    def test_hours_and_contacts(self):
        contacts = Path(self.enterContext(tempfile.TemporaryDirectory())) / "contacts.csv"
        contacts.write_text("+31612345678,Jan Jansen\n")
        handlers = [
            {"name": "held", "type": "plugin", "library": str(EXAMPLES / "hours.so")},
            {"name": "contacts", "type": "plugin", "library": str(EXAMPLES / "contacts.so"),
             "settings": {"file": str(contacts)}},
        ]
        routes = [route("tool-calls", "contacts", tool="lookup_contact"), route("assistant-request", "contacts")]
        self.start(*handlers, routes=routes)
        self.assertIn("Monday to Friday, 9:00 to 17:00", self.result("opening_hours"))
        self.assertEqual(self.result(("lookup_contact", {"query": "Jan"})), "Jan Jansen, +31612345678")
        greeted = post(self.daemon.tcp, event_body("assistant-request", caller="+31612345678")).json()
        self.assertIn("Hello Jan Jansen!", json.dumps(greeted))


if __name__ == "__main__":
    unittest.main()
