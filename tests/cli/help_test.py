#!/usr/bin/env python3
"""Help, version and options: the same manners in every program, and in its man page."""

from __future__ import annotations

import re
import shutil
import subprocess
import unittest

from programs import COMMANDS, PROGRAMS, TOP, ProgramTest

WIDTH = 80
SCREEN = 36  # lines
OPTION_LINE = re.compile(
    r"^ +(?:(?P<short>-[a-zA-Z]), |    )?(?P<long>--[a-z-]+)(?: (?P<value>[A-Z]+))?(?: {2,}| )"
    r"(?P<text>\S.*)$")
COMMON = {  # what these options are called, and how their text begins, wherever they occur
    "--help": ("-h", None, "show "),
    "--version": (None, None, "show the version"),
    "--quiet": ("-q", None, "no warnings"),
    "--verbose": ("-v", None, "say "),
    "--threads": (None, "N", "use N threads (default: one per processor)"),
    "--output": ("-o", ..., "write the "),
    "--force": (None, None, "replace "),
}


def all_texts() -> list[tuple[str, ...]]:
    """The command lines that print a help text."""
    texts = [(name, "--help") for name in [*PROGRAMS, "mallorn"]]
    return texts + [("mallorn", "help", command) for command in COMMANDS]


class Help(ProgramTest):
    def test_list_of_programs(self) -> None:
        self.assertGreaterEqual(len(PROGRAMS), 5)
        for name in PROGRAMS:
            self.assertTrue((TOP / "docs" / "man" / f"{name}.1").is_file(), name)

    def test_fits_a_screen(self) -> None:
        for line in all_texts():
            with self.subTest(line=line):
                text = self.succeed(*line).decode("utf-8")
                self.assertLessEqual(max(map(len, text.splitlines())), WIDTH)
                self.assertLessEqual(len(text.splitlines()), SCREEN)
                self.assertNotIn("\t", text)
                self.assertTrue(text.startswith("usage: "))

    def test_ends_with_two_examples(self) -> None:
        for line in all_texts():
            with self.subTest(line=line):
                text = self.succeed(*line).decode()
                head, _, examples = text.partition("\nexamples:\n")
                self.assertTrue(head)
                found = re.findall(r"^  \S.*$", examples, re.MULTILINE)
                self.assertEqual(len(found), 2, examples)
                self.assertTrue(all(line[0] in example for example in found), examples)

    def test_short_and_long_are_one(self) -> None:
        for name in [*PROGRAMS, "mallorn"]:
            self.assertEqual(self.succeed(name, "-h"), self.succeed(name, "--help"))
        for command in COMMANDS:
            self.assertEqual(self.succeed("mallorn", command, "--help"),
                             self.succeed("mallorn", "help", command))

    def test_help_wins_over_missing_operands_and_other_options(self) -> None:
        for name in PROGRAMS:
            self.assertEqual(self.succeed(name, "-q", "--help"), self.succeed(name, "--help"))

    def test_version(self) -> None:
        versions = set()
        for name in [*PROGRAMS, "mallorn"]:
            text = self.succeed(name, "--version").decode()
            self.assertEqual(text.count("\n"), 1)
            self.assertTrue(text.startswith(f"{name} "), text)
            versions.add(text.removeprefix(name))
        self.assertEqual(len(versions), 1, versions)
        self.assertRegex(versions.pop(),
                         r"^ \d+\.\d+\.\d+ \(stream format \d+, patch format \d+\)$")


def options_of(text: str) -> dict[str, re.Match]:
    found = (OPTION_LINE.match(line) for line in text.splitlines())
    return {match["long"]: match for match in found if match}


class Options(ProgramTest):
    def test_same_words_for_same_options(self) -> None:
        for line in all_texts():
            options = options_of(self.succeed(*line).decode())
            with self.subTest(line=line):
                for required in ("--help", "--version", "--quiet", "--verbose", "--threads"):
                    self.assertIn(required, options)
                for name, (short, value, text) in COMMON.items():
                    if name not in options:
                        continue
                    self.assertEqual(options[name]["short"], short, name)
                    if value is not ...:
                        self.assertEqual(options[name]["value"], value, name)
                    self.assertTrue(options[name]["text"].startswith(text), options[name][0])

    def test_unknown_option(self) -> None:
        for name in PROGRAMS:
            for option in ("--no-such-option", "-Z", "--no-such=3"):
                with self.subTest(name=name, option=option):
                    done = self.fail_with(64, "usage", name, option)
                    self.assertEqual(done.out, b"")
                    self.assertIn(b"hint: see " + name.encode() + b" --help", done.err)
        for command in COMMANDS:
            done = self.fail_with(64, "usage", "mallorn", command, "--no-such-option")
            self.assertIn(b"hint: see mallorn help " + command.encode(), done.err)

    def test_wrong_number_of_operands(self) -> None:
        wrong = [("mallorn-parse",), ("mallorn-parse", "a", "b"), ("mallorn-delta",),
                 ("mallorn-delta", "a", "b"), ("mallorn-pack", "a"), ("mallorn-apply",),
                 ("mallorn-apply", "a", "b", "c"), ("mallorn-apply", "--verify"),
                 ("mallorn-apply", "--info", "a", "b"), ("mallorn-sign",),
                 ("mallorn-sign", "frobnicate"), ("mallorn-sign", "keygen"),
                 ("mallorn-sign", "keygen", "a", "b"), ("mallorn-sign", "sign"),
                 ("mallorn-sign", "sign", "--key", "a", "--key", "b"), ("mallorn-sign", "verify"),
                 ("mallorn-sign", "verify", "--key", "a", "b", "c"), ("mallorn-sign", "id"),
                 ("mallorn", "keygen"), ("mallorn", "keygen", "a", "b"), ("mallorn", "sign", "a"),
                 ("mallorn", "sign", "a", "-o", "b"), ("mallorn", "sign", "--key", "a", "-o", "b"),
                 ("mallorn",), ("mallorn", "frobnicate"), ("mallorn", "help", "me"),
                 ("mallorn", "diff"), ("mallorn", "diff", "a", "b"),
                 ("mallorn", "diff", "a", "-oc"),
                 ("mallorn", "diff", "a", "b", "c", "-od"), ("mallorn", "patch", "a", "b"),
                 ("mallorn", "patch", "a", "-o", "b"), ("mallorn", "patch", "--in-place", "a"),
                 ("mallorn", "verify", "a"),
                 ("mallorn", "info"), ("mallorn", "info", "a", "b"),
                 ("mallorn", "diff", "a", "b", "-o"), ("mallorn", "diff", "a", "b", "-o", ""),
                 ("mallorn", "diff", "-", "b", "-o", "c"), ("mallorn", "--force", "diff")]
        for line in wrong:
            with self.subTest(line=line):
                self.fail_with(64, "usage", *line)
        self.assertEqual(list(self.home.iterdir()), [])

    def test_options_that_do_not_go_together(self) -> None:
        for line in (("mallorn-parse", "--list", "--manifest", "x"),
                     ("mallorn-parse", "-"),
                     ("mallorn-apply", "--json", "x"),
                     ("mallorn-apply", "--verify", "--info", "x"),
                     ("mallorn-apply", "--verify", "x", "-o", "y"),
                     ("mallorn-apply", "--info", "x", "-o", "y"),
                     ("mallorn-apply", "--info", "--checked", "x"),
                     ("mallorn-apply", "--info", "--force", "x"),
                     ("mallorn-apply", "--verify", "--force", "x", "y"),
                     ("mallorn-apply", "--info", "--json", "--base", "x", "y"),
                     ("mallorn-apply", "--verify", "--base", "x", "y", "z"),
                     ("mallorn", "info", "--json", "--base", "x", "y"),
                     ("mallorn", "patch", "--base", "x", "y", "z", "-o", "v"),
                     ("mallorn-apply", "--verify", "--state", "s", "x"),
                     ("mallorn-apply", "--verify", "--resume", "x"),
                     ("mallorn-apply", "--resume", "x"),
                     ("mallorn-apply", "--in-place", "--resume", "x", "-o", "y"),
                     ("mallorn", "verify", "--resume", "a", "b"),
                     ("mallorn-sign", "sign", "--key", "a", "--print-message"),
                     ("mallorn-sign", "sign", "--signature", "a", "--print-message"),
                     ("mallorn-sign", "sign", "--print-message", "--passphrase-fd", "2"),
                     ("mallorn-sign", "sign", "--key", "a", "--state", "s"),
                     ("mallorn-sign", "sign", "--key", "a", "--passphrase-fd", "0"),
                     ("mallorn-sign", "verify", "--key", "a", "--check-only", "-o", "b"),
                     ("mallorn-sign", "verify", "--key", "a", "--encrypt"),
                     ("mallorn-sign", "keygen", "--key", "a", "b"),
                     ("mallorn", "info", "--key", "a", "x"),
                     ("mallorn", "patch", "--sign", "a", "b", "c", "-o", "d"),
                     ("mallorn", "diff", "--passphrase-fd", "0", "a", "b", "-o", "c"),
                     ("mallorn", "info", "--force", "x"),
                     ("mallorn", "verify", "a", "b", "-o", "c"),
                     ("mallorn", "diff", "--json", "a", "b", "-o", "c")):
            with self.subTest(line=line):
                self.fail_with(64, "usage", *line)

    def test_numbers(self) -> None:
        for number in ("0", "257", "-1", "1.5", "x", "", "99999999999999999999", "0x10", " 1"):
            for line in (("mallorn-parse", "x"), ("mallorn-delta", "x"), ("mallorn-pack",),
                         ("mallorn-apply", "x")):
                with self.subTest(number=number, line=line):
                    self.fail_with(64, "usage", *line, f"--threads={number}")
        for number in ("0", "20", "x", ""):
            self.fail_with(64, "usage", "mallorn-pack", f"--level={number}")
        for number in ("0", "4294967296", "-1", "x", ""):
            for line in (("mallorn-pack", f"--release={number}"),
                         ("mallorn-sign", "verify", "--key", "a", f"--min-release={number}"),
                         ("mallorn", "diff", "a", "b", "-o", "c", f"--release={number}"),
                         ("mallorn", "patch", "a", "b", "-o", "c", "--key", "d",
                          f"--min-release={number}")):
                self.fail_with(64, "usage", *line)

    def test_model_ids(self) -> None:
        for line in (("mallorn-pack",), ("mallorn-sign", "verify", "--key", "a")):
            self.fail_with(64, "usage", *line, "--model-id", "")
        self.fail_with(64, "usage", "mallorn-pack", "--model-id", "x" * 65)

    def test_format_names(self) -> None:
        self.fail_with(64, "usage", "mallorn-parse", "--format", "zip", __file__)


def options_of_man_page(text: str) -> set[str]:
    """Every option that an `.It Fl` line of the mdoc text explains."""
    options = set()
    for line in re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE):
        for name in re.findall(r"Fl (-?[a-z][a-z-]*)", line):
            options.add(f"-{name}")
    return options


def options_in_synopsis(text: str) -> set[str]:
    synopsis = re.search(r"\.Sh SYNOPSIS\n(.*?)\.Sh DESCRIPTION", text, re.DOTALL)[1]
    options = set()
    for name in re.findall(r"Fl (-?[a-z][a-z-]*)", synopsis):
        options.update([f"-{name}"] if name.startswith("-") else [f"-{c}" for c in name])
    return options


class ManPages(ProgramTest):
    def names_in_help(self, name: str) -> set[str]:
        lines = [line for line in all_texts() if line[0] == name]
        names = set()
        for line in lines:
            for match in options_of(self.succeed(*line).decode()).values():
                names.update(filter(None, (match["short"], match["long"])))
        return names

    def test_man_page_and_help_name_the_same_options(self) -> None:
        for name in [*PROGRAMS, "mallorn"]:
            page = TOP / "docs" / "man" / f"{name}.1"
            with self.subTest(name=name):
                text = page.read_text(encoding="utf-8")
                in_help = self.names_in_help(name)
                self.assertEqual(options_of_man_page(text), in_help)
                with_short = {"--help", "--quiet", "--verbose", "--output", "--dry-run"}
                self.assertEqual(options_in_synopsis(text), in_help - with_short)

    @unittest.skipUnless(shutil.which("mandoc"), "needs mandoc")
    def test_fields_of_json_are_described(self) -> None:
        source = (TOP / "mallorn-apply/info.cpp").read_text(encoding="utf-8")
        page = (TOP / "docs/man/mallorn-apply.1").read_text(encoding="utf-8")
        described = set(re.findall(r"\w+", " ".join(re.findall(r"^\.(?:It )?Li (.*)$", page, re.MULTILINE))))
        fields = set(re.findall(r'\\"(\w+)\\":', source))
        self.assertGreater(len(fields), 20)
        self.assertEqual(fields - described, set())

    def test_man_pages_are_well_formed(self) -> None:
        pages = sorted((TOP / "docs" / "man").glob("*.[157]"))
        self.assertGreaterEqual(len(pages), 7)
        for page in pages:
            done = subprocess.run(["mandoc", "-Tlint", page.name], cwd=page.parent, check=False,
                                  capture_output=True, text=True)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
