#!/usr/bin/env python3
"""The front end itself: what it would run, where it finds the programs, how it reads arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest

from pipelines import PipelineTest
from programs import BIN, FRONT_END, TOP, small_pair


class FrontEnd(PipelineTest):
    def test_dry_run_prints_what_would_be_run(self) -> None:
        old, new = self.home / "it's\nold", self.home / "--new 'model'\t"
        for path, model in zip((old, new), small_pair(), strict=True):
            path.write_bytes(model.read_bytes())
        line = self.succeed("mallorn", "-n", "diff", "--level", "3", "-q", "--threads", 2,
                            "--explain", "--force", "-o", "a patch", "--", old.name, new.name)
        self.assertEqual(sorted(p.name for p in self.home.iterdir()), sorted([old.name, new.name]))
        for shell in ("sh", "bash"):
            self.assertEqual(self.shell(line.decode(), shell=shell).code, 0)
            made = (self.home / "a patch").read_bytes()
            self.succeed("mallorn", "verify", "--", old.name, "a patch")
            self.assertEqual(made, self.make_patch(old, new, level=3))
        line = self.succeed("mallorn", "patch", "-n", "-o", "-x", "--", old.name, "a patch")
        self.assertEqual(self.shell(line.decode()).code, 0)
        self.assertEqual((self.home / "-x").read_bytes(), new.read_bytes())

    def test_dry_run_names_programs_on_the_path_alone(self) -> None:
        done = self.shell("mallorn -n diff --inline a b -o c", MALLORN_BIN=str(self.path))
        self.assertEqual((done.code, done.out, done.err),
                         (0, b"mallorn-parse a | mallorn-delta b | mallorn-pack -o c\n", b""))

    @unittest.skipUnless(shutil.which("meson") and (BIN / "build.ninja").is_file(),
                         "needs meson and its build folder")
    def test_installed_and_moved(self) -> None:
        subprocess.run(["meson", "install", "-C", BIN, "--no-rebuild", "--quiet", "--destdir",
                        self.home / "destdir"], check=True, capture_output=True)
        (installed,) = (self.home / "destdir").rglob("bin/mallorn")
        installed.parent.parent.rename(self.home / "usr dir")
        (self.home / "link").symlink_to(self.home / "usr dir" / "bin" / "mallorn")
        old, new = small_pair()
        for start in ('"./usr dir/bin/mallorn"', "./link", 'sh "./usr dir/bin/mallorn"',
                      'PATH="$PWD/usr dir/bin:$PATH" mallorn'):
            done = self.shell(f'unset MALLORN_BIN; {start} diff --force "$1" "$2" -o out', old, new)
            self.assertEqual((done.code, done.err), (0, b""), start)

    def test_alone_without_its_parts(self) -> None:
        (self.home / "bin").mkdir()
        alone = self.home / "bin" / "mallorn"
        shutil.copy(FRONT_END, alone)
        done = self.shell('"$1" help', alone)
        self.assertEqual((done.code, done.out, done.status), (69, b"", "unsupported_feature"))
        self.assert_one_error(done)

    def test_options_and_operands_in_any_order(self) -> None:
        old, new = small_pair()
        expected = self.make_patch(old, new)
        for line in ((old, new, "-o", "p"), ("-o", "p", old, new), (old, "-o", "p", new),
                     ("-qo", "p", old, "--threads", "2", new), ("-op", "--", old, new)):
            self.succeed("mallorn", "diff", "--force", *line)
            self.assertEqual((self.home / "p").read_bytes(), expected)

    def test_one_message_for_a_wrong_number(self) -> None:
        """What the programs take is taken; what they refuse is refused, once."""
        line = ("mallorn", "diff", *small_pair())
        for option, most in (("--threads", 256), ("--level", 19)):
            for number in (0, 1, "001", most, most + 1, -1, "+1", 1.5, "x", "1x", " 1", "0x1",
                           "9" * 40, "\u0663", "1\n"):
                given = f"{option}={number}"
                with self.subTest(given=given):
                    if self.run_program("mallorn-pack", given).status != "usage":
                        self.succeed(*line, "--force", given, "-o", "taken")
                        continue
                    done = self.fail_with(64, "usage", *line, given, "-o", "refused")
                    self.assertIn(f"{option} takes a whole number from 1 to {most}, not '".encode(),
                                  done.err)

    def test_one_effort(self) -> None:
        line = ("mallorn", "diff", *small_pair(), "-o", "refused")
        for options in (("--fast", "--max"), ("--level", 3, "--max"), ("--fast", "--level=3")):
            self.fail_with(64, "usage", *line, *options)
            self.fail_with(64, "usage", "mallorn-pack", *options)
        done = self.shell("mallorn -n diff --max a b -o c", MALLORN_BIN=str(self.path))
        self.assertEqual(done.out, b"mallorn-parse --by-reference a | mallorn-delta --by-reference --distant b"
                                   b" | mallorn-pack --max -o c\n")
        done = self.shell("mallorn -n diff --profile lite a b -o c", MALLORN_BIN=str(self.path))
        self.assertEqual(done.out, b"mallorn-parse --by-reference a | mallorn-delta --by-reference --lite b"
                                   b" | mallorn-pack --profile lite -o c\n")

    def test_a_message_without_od_and_awk(self) -> None:
        for shell in [path for path in map(shutil.which, ("sh", "bash", "busybox")) if path]:
            command = [shell, "sh"] if shell.endswith("busybox") else [shell]
            for tools in ((), ("od",), ("awk",)):
                folder = self.home / "".join([os.path.basename(shell), *tools])
                folder.mkdir()
                for tool in tools:
                    (folder / tool).symlink_to(shutil.which(tool))
                for name, shown in ((b"absent", b"absent"), (b"a\x1b[2J\n\xff'\\c", b"a?[2J??'\\c")):
                    done = subprocess.run([*command, FRONT_END, name],
                                          cwd=self.home, env={**self.environment(), "PATH": str(folder)},
                                          capture_output=True, check=False)
                    self.assertEqual((done.returncode, done.stderr.splitlines()[0]),
                                     (64, b"mallorn: error: no such command: " + shown + b" [usage]"),
                                     (command, tools))

    @unittest.skipUnless(shutil.which("shellcheck"), "needs shellcheck")
    def test_scripts_are_clean(self) -> None:
        scripts = [TOP / "scripts" / name for name in ("mallorn", "demo", "test", "install-deps")]
        scripts.append(TOP / ".ci" / "run")
        done = subprocess.run(["shellcheck", "--external-sources", "--check-sourced", *scripts],
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b""))


if __name__ == "__main__":
    unittest.main()
