"""Who is let in: the vectors of tests/fixtures/signatures.json, over the socket and by the commands."""

import base64
import hashlib
import json
import tempfile
import time
import unittest
from pathlib import Path

from deliveries import SECRET, post, request, sign, tool_calls
from rawhttp import Connection
from support import Daemon, config, fixture, reply, route, run, source

VECTORS = json.loads(fixture("signatures.json"))
# Old enough for every timestamp of the vectors; only the commands allow that much.
AGES = "36500d"
NEEDS_A_CLOCK = {"age-299", "age-300", "age-301", "future-300", "future-301", "age-500-window-600"}


def body_of(vector):
    if "body_utf8" in vector:
        return vector["body_utf8"].encode()
    if "body_base64" in vector:
        return base64.b64decode(vector["body_base64"])
    if "body_file" in vector:
        return fixture(vector["body_file"])
    generator = vector["body_generator"]
    if generator["kind"] == "concat":
        return b"".join(part["utf8"].encode() * part.get("repeat", 1) for part in generator["parts"])
    return bytes(i % 251 for i in range(generator["length"]))


class Commands(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="hs-")))

    def file(self, name, content):
        path = self.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def sign(self, secret, timestamp, body, *more, stdin=b""):
        arguments = ["--secret-file", self.file("secret", secret), "--timestamp", timestamp, *more]
        if body is not None:
            arguments.append(self.file("body", body))
        done = run("sign", *arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = dict(line.split(": ", 1) for line in done.stdout.decode().splitlines())
        return {name.lower(): value for name, value in lines.items()}

    def verify(self, secret, timestamp, signature, body, age=AGES):
        return run("verify", "--secret-file", self.file("secret", secret), f"--timestamp={timestamp}",
                   f"--signature={signature}", "--max-age", age, self.file("body", body))

    def test_the_bodies_are_the_intended_ones(self):
        for vector in VECTORS["known_answer_vectors"]:
            self.assertEqual(hashlib.sha256(body_of(vector)).hexdigest(), vector["body_sha256"], vector["name"])

    def test_sign_every_known_answer(self):
        for vector in VECTORS["known_answer_vectors"]:
            with self.subTest(vector["name"]):
                headers = self.sign(vector["secret"], vector["timestamp"], body_of(vector))
                self.assertEqual(headers["x-webhook-signature"], vector["expected_header"])
                self.assertEqual(headers["x-webhook-timestamp"], vector["timestamp"])

    def test_sign_names_the_event(self):
        headers = self.sign(SECRET, "1700000000", b"{}", "--event", "tool-calls")
        self.assertEqual(headers["x-webhook-event"], "tool-calls")

    def test_sign_reads_standard_input(self):
        known = next(v for v in VECTORS["known_answer_vectors"] if v["name"] == "trailing-newline")
        for more in ((), ("-",)):
            headers = self.sign(known["secret"], known["timestamp"], None, *more, stdin=body_of(known))
            self.assertEqual(headers["x-webhook-signature"], known["expected_header"])

    def test_sign_uses_the_time_of_day_by_itself(self):
        before = int(time.time())
        done = run("sign", "--secret-file", self.file("secret", SECRET), stdin=b"{}")
        lines = {k.lower(): v for k, v in (line.split(": ", 1) for line in done.stdout.decode().splitlines())}
        stamp = int(lines["x-webhook-timestamp"])
        self.assertTrue(before <= stamp <= time.time(), lines)
        self.assertEqual(lines["x-webhook-signature"], dict(sign(b"{}", timestamp=stamp))["X-Webhook-Signature"])

    def test_a_line_end_after_the_secret_is_not_part_of_it(self):
        for end in ("\n", "\r\n"):
            headers = self.sign(SECRET + end, "1700000000", b'{"a":1}')
            self.assertEqual(
                headers["x-webhook-signature"],
                "sha256=13349242cfe1472819b5990abe25032a94ef87791e2b954e883063c6c0200856",
            )

    def test_verify_every_known_answer(self):
        for vector in VECTORS["known_answer_vectors"]:
            with self.subTest(vector["name"]):
                done = self.verify(vector["secret"], vector["timestamp"], vector["expected_header"], body_of(vector))
                # Milliseconds are seconds of a far future, with the best of signatures.
                expected = 1 if vector["name"] == "millisecond-timestamp" else 0
                self.assertEqual(done.returncode, expected, done)

    def test_verify_the_cases_that_need_no_fixed_clock(self):
        for case in VECTORS["verification_cases"]:
            if case["name"] in NEEDS_A_CLOCK or case["expect"] == "reject_or_http_layer_trims":
                continue
            with self.subTest(case["name"]):
                done = self.verify(case["secret"], case["timestamp_header"], case["signature_header"], body_of(case))
                if case["expect"] == "accept":
                    self.assertEqual(done.returncode, 0, done)
                else:
                    self.assertIn(done.returncode, (1, 2), done)
                    self.assertTrue(done.stdout + done.stderr, "a refusal says why")
                    self.assertNotIn(case["secret"].encode() or b"\0", done.stdout + done.stderr)

    def test_verify_tells_why(self):
        good = VECTORS["verification_cases"][0]
        said = set()
        for change in ({"signature": "sha256=" + "0" * 64}, {"age": "5m"}, {"timestamp": "abc"}):
            arguments = {"secret": SECRET, "timestamp": good["timestamp_header"], "body": b'{"a":1}',
                         "signature": good["signature_header"], **change}
            done = self.verify(**arguments)
            self.assertEqual(done.returncode, 1, done)
            said.add(done.stdout + done.stderr)
        self.assertEqual(len(said), 3, said)

    def test_a_missing_secret_file_is_told(self):
        done = run("sign", "--secret-file", self.directory / "nowhere", stdin=b"{}")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr.startswith(b"hookswitch: "), done.stderr)
        self.assertIn(b"nowhere", done.stderr)


def moved_to(case, now):
    """A verification case as it would look if its receiver's clock showed `now`: timestamp and signature headers."""
    old = dict(sign(b'{"a":1}', timestamp=1700000000))["X-Webhook-Signature"].removeprefix("sha256=")
    timestamp, signature = case["timestamp_header"], case["signature_header"]
    signed = now + 1700000000 - case["now"]
    if timestamp in ("1700000000", "1700000001"):
        timestamp = str(int(timestamp) - 1700000000 + signed)
    new = dict(sign(b'{"a":1}', timestamp=signed))["X-Webhook-Signature"].removeprefix("sha256=")
    for before, after in ((old, new), (old.upper(), new.upper()), (old[:-1], new[:-1])):
        if before in signature:
            return timestamp, signature.replace(before, after)
    return timestamp, signature


class Sockets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        secrets = sorted({vector["secret"] for vector in VECTORS["known_answer_vectors"]})
        cls.paths = {secret: f"/s{n}" for n, secret in enumerate(secrets)}
        sources = [
            source("main"),
            source("rotating", "/rotating", secret_files=["new", "old"]),
            source("patient", "/patient", max_age="10m"),
            {"name": "open", "path": "/open", "provider": "flireo", "insecure_no_signature": True},
            *(source(f"s{n}", f"/s{n}", secret_files=[f"s{n}"]) for n, _ in enumerate(secrets)),
        ]
        text = config(
            sources=sources, handlers=[reply("fixed", {"result": "ok"})], routes=[route("tool-calls", "fixed")]
        )
        files = {f"s{n}": secret for n, secret in enumerate(secrets)}
        cls.daemon = cls.enterClassContext(
            Daemon(text, files={**files, "new": "new secret\n", "old": "old secret\n"})
        )

    def deliver(self, body, path, signature, timestamp):
        headers = [("X-Webhook-Timestamp", timestamp), ("X-Webhook-Signature", signature)]
        return post(self.daemon.tcp, body, path=path, secret=None, headers=headers)

    def test_every_secret_and_body_is_let_in(self):
        for vector in VECTORS["known_answer_vectors"]:
            with self.subTest(vector["name"]):
                status = post(
                    self.daemon.tcp, body_of(vector), path=self.paths[vector["secret"]], secret=vector["secret"]
                ).status
                # Most of these bodies are no event, which is looked at only after the signature.
                is_event = "body_file" in vector or vector["name"].startswith("unicode-body")
                self.assertEqual(status, 200 if is_event else 400)

    def test_no_known_answer_is_let_in_years_later_or_with_another_secret(self):
        for vector in VECTORS["known_answer_vectors"]:
            for path in self.paths.values():
                response = self.deliver(body_of(vector), path, vector["expected_header"], vector["timestamp"])
                self.assertEqual(response.status, 401, vector["name"])

    def test_verification_cases(self):
        for case in VECTORS["verification_cases"]:
            # A second that passes on the way would decide about the first three of these.
            if case["name"] in ("age-299", "age-300", "future-301", "empty-secret"):
                continue
            with self.subTest(case["name"]):
                timestamp, signature = moved_to(case, int(time.time()))
                path = "/patient" if case["max_age_seconds"] == 600 else "/webhook"
                response = self.deliver(body_of(case), path, signature, timestamp)
                self.assertEqual(response.status, 401 if case["expect"] == "reject" else 400, response)

    def test_age_in_both_directions(self):
        for age, status in {0: 200, 290: 200, -290: 200, 310: 401, -310: 401, 10**9: 401}.items():
            response = post(self.daemon.tcp, tool_calls("ping"), timestamp=int(time.time()) - age)
            self.assertEqual(response.status, status, age)

    def test_401_does_not_tell_which_check_failed(self):
        body = tool_calls("ping")
        (stamp, good) = sign(body)
        mark = self.daemon.mark()
        bodies = set()
        attempts = {
            "no headers": {"secret": None},
            "no signature": {"secret": None, "headers": [stamp]},
            "no timestamp": {"secret": None, "headers": [good]},
            "stale": {"timestamp": 1700000000},
            "from the future": {"timestamp": int(time.time()) + 10_000},
            "no number": {"timestamp": "soon"},
            "other secret": {"secret": "other"},
        }
        for attempt in attempts.values():
            response = post(self.daemon.tcp, body, **attempt)
            self.assertEqual(response.status, 401)
            bodies.add(response.body)
        self.assertEqual(len(bodies), 1, bodies)

        self.daemon.wait_for("request.refused", after=mark, count=len(attempts))
        refused = self.daemon.records("request.refused", after=mark, status=401, source="main")
        self.assertEqual(len(refused), len(attempts))
        self.assertGreaterEqual(len({r["why"] for r in refused}), 4, "the log says which check failed")

    def test_nothing_is_parsed_before_the_signature_holds(self):
        self.assertEqual(post(self.daemon.tcp, b"not JSON", secret="other").status, 401)

    def test_signature_comes_before_duplicate(self):
        body = tool_calls("ping")
        self.assertEqual(post(self.daemon.tcp, body).status, 200)
        response = post(self.daemon.tcp, body, secret="other")
        self.assertEqual(response.status, 401)
        self.assertIsNone(response.header("x-hookswitch-duplicate"))

    def test_no_secret_is_written_to_the_log(self):
        post(self.daemon.tcp, tool_calls("ping"), secret="other")
        log = self.daemon.text()
        for secret in (SECRET, "new secret", "old secret"):
            self.assertNotIn(secret, log)

    def test_all_secret_files_are_tried(self):
        for secret, status in {"new secret": 200, "old secret": 200, "older secret": 401, "new secret\n": 401}.items():
            response = post(self.daemon.tcp, tool_calls("ping"), path="/rotating", secret=secret)
            self.assertEqual(response.status, status, secret)

    def test_a_source_may_be_open(self):
        for attempt in ({"secret": None}, {"secret": "whatever"}, {"timestamp": 1}):
            self.assertEqual(post(self.daemon.tcp, tool_calls("ping"), path="/open", **attempt).status, 200)

    def test_a_signature_of_one_source_is_none_of_another(self):
        self.assertEqual(post(self.daemon.tcp, tool_calls("ping"), path="/rotating", secret=SECRET).status, 401)


class Rotation(unittest.TestCase):
    def settings(self, *files):
        return config(sources=[source(secret_files=list(files))], handlers=[reply("fixed", {"result": "ok"})],
                      routes=[route("tool-calls", "fixed")])

    def test_a_secret_is_rotated_without_a_failed_request(self):
        with Daemon(self.settings("old"), files={"old": "old secret", "new": "new secret"}) as daemon:
            with Connection(daemon.tcp) as connection:

                def ask(secret):
                    return connection.ask(request(tool_calls("ping"), secret=secret)).status

                self.assertEqual((ask("old secret"), ask("new secret")), (200, 401))
                self.assertEqual(daemon.reload(self.settings("new", "old"))["event"], "reload.done")
                self.assertEqual((ask("old secret"), ask("new secret")), (200, 200))
                self.assertEqual(daemon.reload(self.settings("new"))["event"], "reload.done")
                self.assertEqual((ask("old secret"), ask("new secret")), (401, 200))
                # The file's content counts, and is read again.
                daemon.write("new", "newer secret")
                daemon.reload()
                self.assertEqual((ask("new secret"), ask("newer secret")), (401, 200))

    def test_a_source_without_a_secret_does_not_start(self):
        entry = source()
        del entry["secret_files"]
        for entry, what in ((entry, b"insecure_no_signature"), (source(secret_files=["nowhere"]), b"nowhere"),
                            (source(secret_files=["empty"]), b"empty"),
                            (source(secret_files=[]), b"secret_files")):
            with self.subTest(entry), tempfile.TemporaryDirectory() as directory:
                file = Path(directory) / "hookswitch.toml"
                file.write_text(config(sources=[entry]))
                (Path(directory) / "empty").write_text("")
                for command in ("check", "serve"):
                    done = run(command, "-c", file)
                    self.assertEqual(done.returncode, 1, done)
                    self.assertIn(what, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
