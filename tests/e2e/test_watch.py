"""config/prometheus and config/grafana: what they name is what /metrics shows, and the alerts fire when they should."""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from admin import scrape
from control import Control
from deliveries import event_body, post, tool_calls
from support import DURABLE, HERE, Daemon, config, reply, route, worker

ROOT = HERE.parents[1]
RULES = ROOT / "config" / "prometheus" / "hookswitch.rules.yml"
RULES_TEST = RULES.with_name("hookswitch.rules.test.yml")
DASHBOARD = ROOT / "config" / "grafana" / "hookswitch.json"

_METRIC = re.compile(r"\bhookswitch_\w+")
_SELECTOR = re.compile(r"\b(hookswitch_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
_ADDED = {"job", "instance", "le", ""}  # by Prometheus, and of histograms


def promtool(*arguments):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)


def rule_expressions():
    """The expressions of the rules file, which is written so that they can be found without a YAML parser."""
    found, block = [], None
    for line in RULES.read_text().splitlines():
        if block is not None:
            if line.startswith(" " * 10):
                block.append(line.strip())
                continue
            found.append(" ".join(block))
            block = None
        if match := re.match(r"        expr: (.*)", line):
            if match[1] == "|":
                block = []
            else:
                found.append(match[1])
    return found


def alerts():
    return re.findall(r"- alert: (\w+)", RULES.read_text())


def panels():
    return [p for p in json.loads(DASHBOARD.read_text())["panels"] if p["type"] != "row"]


def dashboard_expressions():
    dashboard = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    found += [a["expr"] for a in dashboard["annotations"]["list"]]
    found += [v["definition"] for v in dashboard["templating"]["list"] if "definition" in v]
    return found


def plain(expression):
    """A dashboard's expression as Prometheus gets it."""
    return re.sub(r'\$__rate_interval', "1m", re.sub(r'=~"\$\w+"', '=~".*"', expression))


class WatchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A daemon with something of everything, so that every family has samples."""
        control = cls.enterClassContext(Control())
        text = config(
            admin={}, journal=DURABLE, platform={"base_url": "http://127.0.0.1:1"},
            handlers=[reply("fixed", {"result": "ok"}), reply("desk", {"assistant_id": "a"}),
                      worker("held", "puppet.py", control=control),
                      {"name": "once", "type": "exec", "command": ["cat"]}],
            routes=[route("tool-calls", "fixed"), route("assistant-request", "desk"),
                    route("status-update", "once"), route("end-of-call-report", "held")])
        daemon = cls.enterClassContext(Daemon(text))
        for body in (tool_calls("quick"), event_body("assistant-request"), event_body("status-update")):
            assert post(daemon.tcp, body).status == 200
        assert post(daemon.tcp, b"[]").status == 400
        cls.metrics = scrape(daemon)
        cls.labels = {}
        for (name, labels) in cls.metrics.samples:
            cls.labels.setdefault(name, []).append(dict(labels))

    def check_names(self, expressions):
        self.assertGreater(len(expressions), 20)
        for expression in expressions:
            for name, matchers in _SELECTOR.findall(expression):
                with self.subTest(expression=expression):
                    self.assertTrue(name in self.labels, f"/metrics does not show {name}")
                    for label, operator, value in _MATCHER.findall(matchers):
                        known = {sample.get(label) for sample in self.labels[name]}
                        if label in ("job", "instance"):
                            continue
                        self.assertNotEqual(known, {None}, f"{name} has no label {label}")
                        if label in ("le", "state", "outcome", "event") and operator in ("=", "=~"):
                            for each in value.split("|"):
                                self.assertIn(each, known, f"{name}{{{label}}}")

    def check_groupings(self, expressions):
        for expression in expressions:
            known = {label for name in _METRIC.findall(expression)
                     for sample in self.labels.get(name, ()) for label in sample}
            for labels in _GROUPING.findall(expression):
                for label in map(str.strip, labels.split(",")):
                    self.assertIn(label, known | _ADDED, expression)

    def test_the_rules_name_what_there_is(self):
        self.assertEqual(len(rule_expressions()), len(alerts()))
        self.check_names(rule_expressions())
        self.check_groupings(rule_expressions())

    def test_the_dashboard_names_what_there_is(self):
        self.check_names(dashboard_expressions())
        self.check_groupings(dashboard_expressions())
        for panel in panels():
            known = {label for target in panel["targets"] for name in _METRIC.findall(target["expr"])
                     for sample in self.labels.get(name, ()) for label in sample}
            for target in panel["targets"]:
                shown = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
                self.assertLessEqual(shown, known | _ADDED, panel["title"])

    def test_every_family_that_an_operator_acts_on_is_on_the_dashboard_or_has_an_alert(self):
        shown = {name for e in rule_expressions() + dashboard_expressions() for name in _METRIC.findall(e)}
        families = set(re.findall(r"^# TYPE (\w+)", self.metrics.text, re.MULTILINE))
        missing = {f for f in families if not any(name.startswith(f) for name in shown)}
        self.assertLessEqual({f for f in missing if f.endswith(("failures_total", "lost_records_total", "_up"))}, set())

    def test_promtool_accepts_the_rules_and_their_tests_pass(self):
        checked = promtool("check", "rules", RULES)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        tested = promtool("test", "rules", RULES_TEST)
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)
        tests = RULES_TEST.read_text()
        for alert in alerts():
            self.assertRegex(tests, rf"\b{alert}\b", "every alert is tried")

    def test_every_alert_says_what_to_do(self):
        readme = (ROOT / "README.md").read_text()
        for alert in alerts():
            self.assertTrue(f"`{alert}`" in readme, f"the README, when it pages, has no {alert}")

    def test_the_dashboard_is_one(self):
        dashboard = json.loads(DASHBOARD.read_text())
        ids = [p["id"] for p in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in dashboard["panels"]:
            where = panel["gridPos"]
            cells = {(x, y) for x in range(where["x"], where["x"] + where["w"])
                     for y in range(where["y"], where["y"] + where["h"])}
            self.assertFalse(cells & taken, f"{panel['title']} covers another")
            self.assertLessEqual(where["x"] + where["w"], 24)
            taken |= cells
        # Recording rules are how promtool checks an expression.
        queries = [e for e in dashboard_expressions() if not e.startswith("label_values")]
        rules = {"groups": [{"name": "g", "rules": [{"record": "r", "expr": plain(e), "labels": {"n": str(n)}}
                                                    for n, e in enumerate(queries)]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump(rules, file)  # JSON is YAML
            file.flush()
            checked = promtool("check", "rules", file.name)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


if __name__ == "__main__":
    unittest.main()
