"""Every operation of the camel era; see api_operations.py."""

import json
import tempfile
import unittest

from api_operations import Platform, RoundTrip
from support import run


class Camel(RoundTrip):
    def test_every_operation(self):
        self.in_era("camel")


class Manners(unittest.TestCase):
    """What the documents leave open."""

    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="hs-"))

    def test_statuses_of_creation_and_deletion(self):
        with Platform(self.directory, "camel", "--create-status", "200", "--delete-status", "204") as platform:
            made = platform.api(["campaigns", "create", "--name", "c", "--assistant-id",
                                 json.loads(platform.api(["agents", "list", "--json"]).stdout)[0]["id"], "--json"])
            self.assertEqual(made.returncode, 0, made)
            gone = platform.api(["campaigns", "delete", json.loads(made.stdout)["id"]])
            self.assertEqual((gone.returncode, gone.stdout), (0, b"done\n"), gone)

    def test_shapes_of_errors(self):
        for shape in "ABCDEF":
            with Platform(self.directory, "late", "--errors", shape) as platform:
                done = platform.api(["numbers", "create", "--name", "x"])
                self.assertEqual(done.returncode, 1, done)
                self.assertRegex(done.stderr.decode(), r"\Ahookswitch: api numbers create: HTTP 400: .*phone_number")

    def test_a_wrong_key(self):
        with Platform(self.directory, "camel") as platform:
            wrong = platform.write("wrong", "fl_test_wrong")
            done = run("api", "numbers", "list", "--base-url", platform.url, "--api-key-file", wrong)
            self.assertEqual(done.returncode, 1)
            self.assertIn("HTTP 401: Unauthorized: Invalid or missing API key", done.stderr.decode())
            self.assertNotIn("fl_test_wrong", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
