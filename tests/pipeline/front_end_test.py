#!/usr/bin/env python3
"""The front end itself: what it would run, where it finds the programs, how it reads arguments."""

from __future__ import annotations

import shutil
import subprocess
import unittest

from pipelines import PipelineTest
from programs import TOP, small_pair


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

    def test_installed_beside_its_programs(self) -> None:
        installed = self.home / "usr bin"
        installed.mkdir()
        for path in self.path.iterdir():
            (installed / path.name).write_bytes(path.resolve().read_bytes())
            (installed / path.name).chmod(0o755)
        (self.home / "link").symlink_to(installed / "mallorn")
        old, new = small_pair()
        for start in ('"./usr bin/mallorn"', "./link", 'PATH="$PWD/usr bin:$PATH" mallorn',
                      'sh "./usr bin/mallorn"'):
            done = self.shell(f'unset MALLORN_BIN; {start} diff --force "$1" "$2" -o out', old, new)
            self.assertEqual((done.code, done.err), (0, b""), start)

    def test_options_and_operands_in_any_order(self) -> None:
        old, new = small_pair()
        expected = self.make_patch(old, new)
        for line in ((old, new, "-o", "p"), ("-o", "p", old, new), (old, "-o", "p", new),
                     ("-qo", "p", old, "--threads", "2", new), ("-op", "--", old, new)):
            self.succeed("mallorn", "diff", "--force", *line)
            self.assertEqual((self.home / "p").read_bytes(), expected)

    @unittest.skipUnless(shutil.which("shellcheck"), "needs shellcheck")
    def test_scripts_are_clean(self) -> None:
        scripts = [TOP / "scripts" / name for name in ("mallorn", "demo", "test", "install-deps")]
        scripts.append(TOP / ".ci" / "run")
        done = subprocess.run(["shellcheck", *scripts], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b""))



if __name__ == "__main__":
    unittest.main()
