#!/usr/bin/env python3
"""One patch, however it is made; and the new model out of it, bit for bit."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from pipelines import PipelineTest, in_parallel
from programs import FRONT_END, model_pairs, real_pairs, small_pair

BY_HAND = 'set -o pipefail; mallorn-parse "$1" | mallorn-delta "$2" | mallorn-pack'
BY_REFERENCE = ('set -o pipefail; mallorn-parse --by-reference "$1" | '
                'mallorn-delta --by-reference "$2" | mallorn-pack')


class SamePatch(PipelineTest):
    def front_end(self, out: str, old: Path, new: Path, *options: object) -> bytes:
        self.succeed("mallorn", "diff", "-q", *options, old, new, "-o", out)
        return (self.home / out).read_bytes()

    def quiet(self, script: str) -> str:
        return re.sub(r"(mallorn-\w+)", r"\1 -q", script)

    def check_pair(self, pair: tuple[Path, Path]) -> None:
        old, new = pair
        name = f"{old.parent.name}-{old.name}"
        patch = self.front_end(name, old, new)
        by_hand = self.shell(self.quiet(BY_HAND), old, new, shell="bash")
        self.assertEqual((by_hand.code, by_hand.err), (0, b""), name)
        self.assertEqual(by_hand.out, patch, f"{name}: by hand")
        by_reference = self.shell(self.quiet(BY_REFERENCE), old, new, shell="bash")
        self.assertEqual(by_reference.out, patch, f"{name}: by reference, by hand")
        for options in (["--inline"], ["--threads", "1"], ["--threads", "8"],
                        ["--inline", "--threads=7"], ["--explain"]):
            done = self.run_program("mallorn", "diff", "-q", "--force", *options, old, new, "-o", name)
            self.assertEqual(done.code, 0, done)
            self.assertEqual((self.home / name).read_bytes(), patch, f"{name}: {options}")
        # The result of delta may itself be a model stream.
        stream = self.home / f"{name}.stream"
        stream.write_bytes(self.succeed("mallorn-parse", "-q", new))
        from_stream = self.shell('mallorn-parse -q "$1" | mallorn-delta "$2" | mallorn-pack', old,
                                 stream)
        self.assertEqual(from_stream.out, patch, f"{name}: result as a stream")
        self.check_result(name, old, new, patch)

    def check_result(self, name: str, old: Path, new: Path, patch: bytes) -> None:
        wanted = new.read_bytes()
        for threads in (1, 8):
            self.assertEqual(self.succeed("mallorn-apply", "--threads", threads, old, stdin=patch),
                             wanted)
        self.succeed("mallorn", "verify", old, name)
        self.succeed("mallorn", "patch", old, name, "-o", f"{name}.made")
        self.assertEqual((self.home / f"{name}.made").read_bytes(), wanted)
        done = self.shell('cat "$1" | mallorn patch "$2" - -o "$3"', name, old, f"{name}.piped")
        self.assertEqual((done.code, done.err), (0, b""))
        self.assertEqual((self.home / f"{name}.piped").read_bytes(), wanted)
        info = json.loads(self.succeed("mallorn", "info", "--json", name))
        for side, path in (("base", old), ("result", new)):
            content = path.read_bytes()
            self.assertEqual(info[side], {"length": len(content),
                                          "sha256": hashlib.sha256(content).hexdigest()})

    def test_real_pairs(self) -> None:
        self.assertGreaterEqual(len(real_pairs()), 3)
        in_parallel(self.check_pair, real_pairs())

    def test_tiny_pairs(self) -> None:
        self.assertGreaterEqual(len(model_pairs()), 20)
        in_parallel(self.check_pair, model_pairs())

    def test_level_is_passed_on(self) -> None:
        old, new = real_pairs()[0]
        by_level = {level: self.make_patch(old, new, level=level) for level in (1, 19)}
        self.assertEqual(self.front_end("one", old, new, "--level", 1), by_level[1])
        self.assertEqual(self.front_end("nineteen", old, new, "--level=19"), by_level[19])
        self.assertLessEqual(len(by_level[19]), len(by_level[1]))

    def test_real_pairs_pay_off(self) -> None:
        """A patch of a fine-tuned model is far smaller than the model; no more is promised here."""
        for old, new in real_pairs():
            self.assertLess(len(self.make_patch(old, new)), new.stat().st_size / 2)


class FrontEnd(PipelineTest):
    def test_dry_run_prints_what_would_be_run(self) -> None:
        old, new = self.home / "it's\nold", self.home / "--new 'model'\t"
        for path, model in zip((old, new), small_pair(), strict=True):
            path.write_bytes(model.read_bytes())
        line = self.succeed("mallorn", "-n", "diff", "--level", "3", "-q", "--threads", 2, "--explain",
                            "--force", "-o", "a patch", "--", old.name, new.name)
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
        scripts = [FRONT_END, *(FRONT_END.parent / name for name in ("demo", "test", "install-deps")),
                   FRONT_END.parent.parent / ".ci" / "run"]
        done = subprocess.run(["shellcheck", *scripts], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b""))


if __name__ == "__main__":
    unittest.main()
