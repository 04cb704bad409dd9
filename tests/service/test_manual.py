"""The manual pages and the shells' completions, as the build makes them from the command line and the configuration."""

import gzip
import os
import re
import subprocess
import unittest
from pathlib import Path

from proxies import ROOT  # and the path to the end-to-end tests' modules

from support import BINARY

MANUAL = Path(BINARY).parent / "manual"

# What bash-completion does for a completion, as far as ours needs it.
BASH = """
_init_completion() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
_filedir() { COMPREPLY=(FILES); }
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_hookswitch
echo "${COMPREPLY[*]}"
"""


def page(name):
    return gzip.decompress((MANUAL / name).read_bytes()).decode().replace("\\-", "-").replace("\\fB", "")


def commands(*of):
    """The subcommands that --help lists."""
    said = subprocess.run([BINARY, *of, "--help"], capture_output=True, text=True, check=True).stdout
    _, found, listed = said.partition("Subcommands:\n")
    listed = re.match(r"(?:  .*\n)*", listed)[0]
    return re.findall(r"(?m)^  (\S+)", listed) if found else []


def completed(*words):
    done = subprocess.run(["bash", "-c", BASH, "bash", MANUAL / "hookswitch.bash", "hookswitch", *words],
                          capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    return done.stdout.split()


class Manual(unittest.TestCase):
    def test_page_has_every_command(self):
        text = page("hookswitch.1.gz")
        self.assertGreaterEqual(len(commands()), 10)
        for name in commands():
            for inner in (commands(name) if name != "api" else []) or [""]:
                with self.subTest(command=f"{name} {inner}"):
                    self.assertIn(f".SS hookswitch {name} {inner}".rstrip(), text)
        for resource in commands("api"):
            self.assertIn(f"\n{resource}\\fR\n", text)

    def test_page_has_every_setting(self):
        text = page("hookswitch.toml.5.gz")
        keys = re.findall(r"(?m)^#?([a-z_]+) = ", (ROOT / "config" / "hookswitch.toml").read_text())
        self.assertGreater(len(keys), 50)
        self.assertEqual([key for key in keys if f"\n{key} = " not in text], [])

    def test_roff_has_no_instruction_that_is_none(self):
        known = {"TH", "SH", "SS", "TP", "PP", "B", "I", "BR", "IR", "RI", "RS", "RE", "EX", "EE", "br"}
        for name in ("hookswitch.1.gz", "hookswitch.toml.5.gz"):
            used = set(re.findall(r"(?m)^\.(\S*)", page(name)))
            self.assertEqual(used - known, set(), name)

    def test_completions_have_every_command(self):
        fish = (MANUAL / "hookswitch.fish").read_text()
        zsh = (MANUAL / "_hookswitch").read_text()
        for family in ([], ["events"], ["call"], ["api"], ["api", "numbers"]):
            with self.subTest(family=family):
                self.assertEqual(completed(*family, ""), commands(*family))
                for name in commands(*family):
                    self.assertIn("_".join(["_hookswitch", *family, name, ""]).rstrip("_") + "() {", zsh)
                    self.assertIn(" ".join(["'hookswitch", *family, name]) + "'", fish)

    def test_bash_completes_options_and_values(self):
        for words, expected in (
            (["events", "list", "--sta"], ["--state"]),
            (["events", "list", "--state", "de"], ["delivered", "dead"]),
            (["events", "list", "--since", ""], []),
            (["check", "-c", ""], ["FILES"]),
            (["send", ""], ["FILES"]),
            (["--ver"], ["--version"]),
        ):
            with self.subTest(words=words):
                self.assertEqual(completed(*words), expected)


if __name__ == "__main__":
    unittest.main()
