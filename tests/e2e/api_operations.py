"""Every operation of every era, by `hookswitch api`, against the local platform (`hookswitch simulate`).

Each step is one command. What it must show is compared member by member; `{name}` in its words is an id that an
earlier step has kept.
"""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from rawhttp import PATIENCE
from support import BINARY, await_that, run

KEY = "fl_test_0123456789"
ERAS = ("camel", "snake", "late")
SINCE_SNAKE, BEFORE_LATE, LATE = ("snake", "late"), ("camel", "snake"), ("late",)
GRAPH = {"version": 1, "entry_node": "hello",
         "nodes": [{"id": "hello", "type": "conversation", "instructions": "Greet."}, {"id": "bye", "type": "end"}],
         "edges": [{"from": "hello", "to": "bye", "description": "done"}]}


class Step:
    """`expect`: members of the object shown; of a list, of the one with the id `has`; or HTTP statuses that the
    command must fail with. `lacks`: an id that must not be in the list."""

    def __init__(self, words, *, expect=None, has=None, lacks=None, keep=None, eras=ERAS, fails=None, hidden=None,
                 data=None, files=None):
        self.words, self.expect, self.has, self.lacks, self.keep = words.split(), expect or {}, has, lacks, keep
        self.eras, self.fails, self.hidden, self.data, self.files = eras, fails, hidden, data, files or {}


def life_of(resource, *, create, update, after, eras=ERAS, cleared=None, data=None, **also):
    """The five operations of a resource, and what is said of one that is gone."""
    kept = resource.replace("-", "_")
    of_it = "{" + kept + "}"
    steps = [
        Step(f"{resource} create {create}", keep=kept, eras=eras, data=data, **also),
        Step(f"{resource} list", has=of_it, eras=eras),
        Step(f"{resource} update {of_it} {update}", expect=after, eras=eras),
        Step(f"{resource} get {of_it}", expect=after, eras=eras),
    ]
    if cleared:
        steps += [Step(f"{resource} update {of_it} --null {cleared}", expect={cleared: None}, eras=eras),
                  Step(f"{resource} get {of_it}", expect={cleared: None, **after}, eras=eras)]
    return steps + [
        Step(f"{resource} delete {of_it}", eras=eras),
        Step(f"{resource} list", lacks=of_it, eras=eras),
        Step(f"{resource} get {of_it}", fails=404, eras=eras),
        Step(f"{resource} delete {of_it}", fails=404, eras=eras),
        Step(f"{resource} create --set name=null", fails=400, eras=eras),
    ]


STEPS = [
    *(step for resource in ("agents", "assistants") for step in life_of(
        resource, create="--name Desk --first-message Hi --webhook-secret-file {secret}",
        update="--name Desk2 --is-active false", after={"name": "Desk2", "is_active": False},
        cleared="first_message", files={"secret": "whsec_1"})),
    *life_of("tool-templates", create="--name lookup --description d --tool-type function --tool-config-file {config}",
             files={"config": {"name": "lookup", "url": "https://example.com"}},
             update="--name lookup2", after={"name": "lookup2", "tool_type": "function"}, cleared="description"),
    *life_of("analysis-templates", create="--name mood --description d --system-prompt s --user-prompt u "
             "--schema-file {schema}", files={"schema": {"type": "object"}},
             update="--name mood2", after={"name": "mood2", "schema": {"type": "object"}}, cleared="description"),
    *life_of("numbers", create="--phone-number +31201234567 --name Second", update="--set name=\"Third\"",
             after={"phone_number": "+31201234567", "name": "Third"}),
    *life_of("workflows", create="--name intake --definition-file {graph}", files={"graph": GRAPH},
             update="--name intake2", after={"name": "intake2"}, eras=LATE),
    *life_of("mcp-servers", create="--name crm --url https://crm.example.com/mcp --headers-file {headers}",
             files={"headers": {"X-Key": "mcp-secret-1"}}, hidden="mcp-secret-1",
             update="--timeout-seconds 30", after={"timeout_seconds": 30, "header_names": ["X-Key"]}, eras=LATE),
    Step("mcp-servers create --name m --url https://m.example.com/", keep="mcp", eras=LATE),
    Step("mcp-servers test {mcp}", expect={"ok": True}, eras=LATE),
    Step("mcp-servers test nobody", fails=404, eras=LATE),
    Step("workflows create --name bad --set definition={\"version\":1,\"entry_node\":\"x\",\"nodes\":[]}", fails=400,
         eras=LATE),

    # A number, whom it belongs to, and that there is only one of it.
    Step("assistants create --name Owner", keep="owner"),
    Step("numbers create --phone-number +31207654321 --assistant-id {owner}", keep="number"),
    Step("numbers get {number}", expect={"agent_id|assistant_id": "{owner}"}),
    Step("numbers update {number} --null assistant-id", expect={"agent_id|assistant_id": None}),
    Step("numbers create --phone-number +31207654321", fails=409),
    Step("numbers create --phone-number 0207654321", fails=400),

    *(step for eras, options in (
        (BEFORE_LATE, "--name t --host sip.example.com --username u --password-file {secret}"),
        (LATE, "--name t --provider p --address sip.example.com --transport tls --auth-username u "
               "--auth-password-file {secret}")) for step in (
        Step(f"sip-trunks create {options}", files={"secret": "sip-secret-1"}, hidden="sip-secret-1", keep="trunk",
             eras=eras),
        Step("sip-trunks list", has="{trunk}", hidden="sip-secret-1", eras=eras),
        Step("sip-trunks get {trunk}", expect={"name": "t"}, hidden="sip-secret-1", eras=eras),
        Step("sip-trunks delete {trunk}", eras=eras),
        Step("sip-trunks get {trunk}", fails=404, eras=eras))),

    Step("voices list", has="nl_NL-pim-medium"),
    Step("byok get", expect={"deepgram_secret_id": None}),
    Step("byok set --provider deepgram --provider-key-file {provider_key}", files={"provider_key": "dg-secret-1"}, hidden="dg-secret-1"),
    Step("byok config", has="deepgram", eras=BEFORE_LATE),
    Step("byok set-config --provider deepgram --settings-file {settings}", files={"settings": {"region": "eu"}},
         expect={"deepgram": {"region": "eu"}}, eras=LATE),
    Step("byok delete --provider deepgram", expect={"deepgram_secret_id": None}),
    Step("byok delete --provider deepgram", fails=404),

    Step("domains get", expect=None),
    Step("domains create --domain-name mail.example.com", expect={"domain_name": "mail.example.com"}),
    Step("domains create --domain-name mail.example.com", fails=409),
    Step("domains verify", expect={"status": "verified"}),
    Step("domains refresh", expect={"status": "verified"}),
    Step("domains delete"),
    Step("domains available", has="rd2"),
    Step("domains select --domain-id rd1", expect={"resend_domain_id": "rd1"}),
    Step("domains get", expect={"resend_domain_id": "rd1"}),

    Step("organizations get", expect={"active_calls": 0}),
    Step("organizations create --name Branch", expect={"name": "Branch"}, eras=SINCE_SNAKE),
    Step("organizations update --content-retention-days 30 --metadata-retention-days 90",
         expect={"metadata_retention_days": 90}, eras=LATE),
    Step("organizations update --content-retention-days 365 --metadata-retention-days 90", fails=400, eras=LATE),
    Step("account get"),
    Step("health get", expect={"status": "ok"}),
    Step("usage list"),
    Step("chats create --set text=\"hello\"", eras=LATE),
    Step("chats list", eras=LATE),
    Step("chats context", eras=LATE),
    Step("chats delete nobody", fails=404, eras=LATE),

    *life_of("campaigns", create="--name reminders --assistant-id {owner} --schedule-start-time 09:00:00 "
             "--schedule-end-time 17:00:00 --timezone Europe/Amsterdam --system-message-template t",
             update="--name reminders2", after={"name": "reminders2", "status": "draft"},
             cleared="system_message_template"),
    Step("campaigns create --name leads --assistant-id {owner} --schedule-start-time 09:00:00 "
         "--schedule-end-time 17:00:00 --timezone Europe/Amsterdam", keep="campaign"),
    Step("campaign-leads create {campaign} --phone-number +31612345678 --set variables={\"name\":\"Jan\"}",
         expect={"status": "pending"}, keep="lead"),
    Step("campaign-leads list {campaign}", has="{lead}"),
    Step("campaign-leads delete {campaign} {lead}"),
    Step("campaign-leads list {campaign}", lacks="{lead}"),
    Step("campaign-leads delete {campaign} {lead}", fails=404),

    Step("calls outbound --destination +31612345678 --assistant-id {owner}", expect={"success": True}, keep="call"),
    Step("calls outbound --destination 0612345678 --assistant-id {owner}", fails=400),
    Step("calls outbound --destination +31612345678 --assistant-id nobody", fails=404),
    Step("calls list --limit 10", has="{call}"),
    Step("calls get {call}", expect={"status": "in-progress"}),
    Step("calls control {call} --type say --content Hello --end-after false", expect={"success": True}),
    Step("calls control {call} --type say", fails=400),
    Step("calls control nobody --type end-call", fails=404),
    Step("calls control {call} --type end-call", expect={"success": True}),
    Step("calls list --all"),
]


class Platform:
    """The local platform in one era, until the end of the block."""

    def __init__(self, directory, era, *options):
        self.directory, self.era, self.options = Path(directory), era, options
        self.write("key", KEY)

    def write(self, name, content):
        path = self.directory / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def __enter__(self):
        self.process = subprocess.Popen(
            [BINARY, "simulate", "--listen", "127.0.0.1:0", "--api-key-file", self.directory / "key", "--era", self.era,
             "--rate-limits", "off", *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"listening on (\S+)", line):
                self.url = found[1] + "/api/v1"
                return self
        self.process.stderr.close()
        raise AssertionError(f"the local platform ended at its start: {self.process.wait(PATIENCE)}")

    def __exit__(self, *_):
        self.process.terminate()
        said = self.process.stderr.read()
        self.process.stderr.close()
        assert self.process.wait(PATIENCE) == 0, said

    def api(self, words, stdin=b""):
        return run("api", *words, "--base-url", self.url, "--api-key-file", self.directory / "key",
                   "--era", self.era, stdin=stdin)


def member(shown, name):
    """"a|b" is whichever there is."""
    for spelling in name.split("|"):
        if spelling in shown:
            return shown[spelling]
    raise AssertionError(f"no {name} in {shown}")


class RoundTrip(unittest.TestCase):
    def in_era(self, era):
        done = set()
        with tempfile.TemporaryDirectory(prefix="hs-") as directory, Platform(directory, era) as platform:
            self.kept = {}
            for step in STEPS:
                if era in step.eras:
                    with self.subTest(era=era, step=" ".join(step.words)):
                        self.one(platform, step)
                        done.add(tuple(step.words[:2]))
        self.assertEqual(done, operations(era))

    def one(self, platform, step):
        files = {name: str(platform.write(name, content)) for name, content in step.files.items()}
        words = [re.sub(r"\{(\w+)\}", lambda m: files.get(m[1]) or self.kept[m[1]], word) for word in step.words]
        if step.words[:2] == ["calls", "get"]:  # it rings for a moment
            await_that(lambda: b"in-progress" in platform.api(words).stdout, "the call is answered")
        done = platform.api([*words, "--json"])
        said = (done.stdout + done.stderr).decode()
        self.assertNotIn(step.hidden or KEY, said)
        if step.fails:
            self.assertEqual(done.returncode, 1, said)
            self.assertIn(f"hookswitch: api {' '.join(words[:2])}: HTTP {step.fails}: ", said)
            return
        self.assertEqual(done.returncode, 0, said)
        self.compare(step, json.loads(done.stdout))
        if step.has:
            self.assertIn(step.has.format(**self.kept), platform.api([*words, "--wide"]).stdout.decode())

    def compare(self, step, shown):
        if step.keep:
            self.kept[step.keep] = shown.get("id") or shown["call_id"]
        if step.has or step.lacks:
            ids = [item["id"] for item in shown]
            self.assertEqual((step.has or step.lacks).format(**self.kept) in ids, bool(step.has), ids)
        for name, value in step.expect.items():
            expected = value.format(**self.kept) if isinstance(value, str) else value
            self.assertEqual(member(shown, name), expected)


def subcommands(*words):
    """Their names and descriptions."""
    text = run(*words, "--help").stdout.decode().partition("Subcommands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  (\S+) +(.*)$", text, re.MULTILINE)


def operations(era):
    """What --help says that there is in an era; `agents` and `assistants` are one another's name."""
    found = set()
    for resource, _ in subcommands("api"):
        for verb, what in subcommands("api", resource):
            eras = re.search(r"\[(.*)\]$", what)
            if not eras or era in eras[1] or resource in ("agents", "assistants"):
                found.add((resource, verb))
    return found
