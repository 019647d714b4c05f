#!/usr/bin/env python3
"""Stages that fail or are killed half way: no patch, and one message that names the cause."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
import unittest
from pathlib import Path

from pipelines import PipelineTest
from programs import MODELS, SANITIZER_EXIT, Done, real_pairs, small_pair

OLD, NEW = small_pair()
PIPELINE = 'mallorn-parse "$1" | mallorn-delta "$2" | mallorn-pack -o out'
STAGES = ("mallorn-parse", "mallorn-delta", "mallorn-pack")


class BrokenStageTest(PipelineTest):
    def input_of(self, name: str) -> Path | None:
        """Which mallorn-parse a stand-in is for: the first stage, not the one that delta runs."""
        return OLD if name == "mallorn-parse" else None


class ByHand(BrokenStageTest):
    def assert_no_patch(self, what: str) -> None:
        self.assertEqual(os.listdir(self.home), [], what)

    def test_a_stage_fails(self) -> None:
        for options, failed in (("", OLD.with_name("absent")), ("set -o pipefail;", OLD)):
            for arguments in ((failed.with_name("absent"), NEW), (OLD, NEW.with_name("absent"))):
                done = self.shell(options + PIPELINE, *arguments, shell="bash")
                self.assertIn(done.code, (65, 66), done)
                self.assertIn(b"[cannot_open]", done.lines[0] + done.lines[1])
                self.assert_no_patch(f"{options} {arguments}")

    def test_a_stage_stops_half_way(self) -> None:
        """Its output is cut at places that matter, and the pipe closed as if all were well."""
        stream = self.succeed("mallorn-parse", OLD)
        delta = self.make_delta(OLD, NEW, inline=True)
        for name, output in (("mallorn-parse", stream), ("mallorn-delta", delta)):
            for cut in {0, 1, 8, 16, 100, len(output) // 2, len(output) - 4, len(output) - 1}:
                for code in (0, 1, 137):
                    self.stand_in(name, f'"$real" "$@" | head -c {cut}; exit {code}',
                                  only_for=self.input_of(name))
                    for options in ("", "set -o pipefail;"):
                        done = self.shell(options + PIPELINE, OLD, NEW, shell="bash")
                        self.assertNotEqual(done.code, 0)
                        self.assert_no_patch(f"{name} cut at {cut}, exit {code}")
            self.remove_stand_in(name)

    def test_a_stage_is_killed(self) -> None:
        """While bytes flow: each stage in turn, by a signal that cannot be caught."""
        old, new = real_pairs()[0]
        for victim in range(3):
            for pause in (0.0, 0.01, 0.05):
                processes = self.start_pipeline(old, new)
                time.sleep(pause)
                processes[victim].send_signal(signal.SIGKILL)
                codes = [process.wait(60) for process in processes]
                for process in processes:
                    process.stderr.close()
                self.assertNotIn(SANITIZER_EXIT, codes)
                self.assert_whole_patch_or_none(old, new, f"{STAGES[victim]}: {codes}")

    def assert_whole_patch_or_none(self, old: os.PathLike, new: os.PathLike, what: str) -> None:
        """A stage that had said all it had to say may be killed without harm."""
        if os.listdir(self.home) == []:
            return
        self.succeed("mallorn-apply", old, "out", "-o", "result", "-q")
        self.assertEqual((self.home / "result").read_bytes(), Path(new).read_bytes(), what)
        for name in ("out", "result"):
            (self.home / name).unlink()
        self.assert_no_patch(what)

    def start_pipeline(self, old: os.PathLike, new: os.PathLike) -> list[subprocess.Popen]:
        parse = self.start(STAGES[0], old, stdout=subprocess.PIPE)
        delta = self.start(STAGES[1], new, stdin=parse.stdout, stdout=subprocess.PIPE)
        pack = self.start(STAGES[2], "-o", "out", stdin=delta.stdout)
        parse.stdout.close()
        delta.stdout.close()
        return [parse, delta, pack]

    def test_a_reader_that_leaves_ends_the_writers_silently(self) -> None:
        large = self.home / "large"
        large.write_bytes(bytes(4 << 20))
        script = '{ mallorn-parse -q "$1"; echo $? >&2; } | head -c 100 > /dev/null'
        done = self.shell(script, large)
        self.assertEqual(done.err, b"141\n")

    def test_redirected_output_is_refused_later(self) -> None:
        """`> patch` makes a file whatever happens; it must not pass for a patch."""
        self.stand_in("mallorn-parse", '"$real" "$@" | head -c 500')
        self.shell('mallorn-parse "$1" | mallorn-delta "$2" | mallorn-pack > patch', OLD, NEW)
        done = self.run_program("mallorn-apply", OLD, self.home / "patch", "-o", "new")
        self.assertEqual((done.code, os.listdir(self.home)), (65, ["patch"]), done)


class FrontEnd(BrokenStageTest):
    """`mallorn diff` ends with the code of the stage that failed first; only that one is heard."""

    def diff(self, *options: object) -> Done:
        done = self.run_program("mallorn", "diff", OLD, NEW, "-o", "out", *options,
                                env=self.use_stand_ins())
        self.assertEqual(os.listdir(self.temporary), [])
        return done

    def test_a_stage_fails(self) -> None:
        for name in STAGES:
            for code in (1, 65, 66, 70, 74, 127):
                self.stand_in(name, f'echo "{name}: because" >&2; exit {code}',
                              only_for=self.input_of(name))
                done = self.diff()
                self.assertEqual((done.code, done.err), (code, f"{name}: because\n".encode()))
                self.assertEqual(os.listdir(self.home), [])
            self.remove_stand_in(name)

    def test_what_is_refused_before_models_are_read(self) -> None:
        """A stage that would read them leaves a mark."""
        mark = self.home.parent / "mark"
        self.stand_in("mallorn-delta", f'touch "{mark}"; "$real" "$@"')
        self.succeed("mallorn", "keygen", "some")
        (self.home / "junk").write_bytes(b"no key")
        for key, out, code in (("some.pub", "q", 65), ("junk", "q", 65), ("absent", "q", 66), (".", "q", 66),
                               ("some.key", "absent/q", 73), ("some.key", ".", 73)):
            done = self.run_program("mallorn", "diff", "--sign", key, OLD, NEW, "-o", out,
                                    env=self.use_stand_ins())
            self.assertEqual(done.code, code, done)
            self.assert_one_error(done)
            self.assertFalse(mark.exists(), (key, out))

    def has_output_open(self, front_end: int) -> bool:
        """Whether a stage of this front end has a file, still without a name, in the home folder."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                is_stage = f"PPid:\t{front_end}\n" in status.read_text(encoding="utf-8")
                names = [os.readlink(link) for link in (status.parent / "fd").iterdir()] if is_stage else []
            except OSError:
                continue  # it has ended
            if any(name.startswith(f"{self.home}/") for name in names):
                return True
        return False

    def test_the_front_end_is_killed(self) -> None:
        """By what its shell cannot catch, or does not: then no patch appears later."""
        began = self.home.parent / "began"  # before that the stand-in does not know for whom it waits
        self.stand_in("mallorn-parse",
                      f'touch "{began}"; while kill -0 $PPID; do sleep 0.1; done 2> /dev/null; "$real" "$@"',
                      only_for=OLD)
        for number in (signal.SIGKILL, signal.SIGQUIT, signal.SIGPIPE):
            with self.subTest(signal=number):
                began.unlink(missing_ok=True)
                # Who runs this in the background may have it ignore what is typed.
                process = self.start("mallorn", "diff", OLD, NEW, "--force", "-o", "out", env=self.use_stand_ins(),
                                     preexec_fn=lambda: signal.signal(signal.SIGQUIT, signal.SIG_DFL))
                self.addCleanup(process.kill)
                while not (self.has_output_open(process.pid) and began.exists()) and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(number)
                process.wait(timeout=60)
                process.communicate(timeout=60)  # until all that write errors have ended
                self.assertEqual((process.returncode, os.listdir(self.home)), (-number, []))

    def test_a_stage_fails_at_its_end(self) -> None:
        """After all of its output but the end frame, so that the others have done nearly all."""
        for name in STAGES[:2]:
            self.stand_in(name, f'"$real" "$@" | head -c -20; sleep 0.2; echo "{name}: late" >&2;'
                                ' exit 65', only_for=self.input_of(name))
            done = self.diff()
            self.assertEqual((done.code, done.err), (65, f"{name}: late\n".encode()))
            self.assertEqual(os.listdir(self.home), [])
            self.remove_stand_in(name)

    def test_a_stage_is_killed(self) -> None:
        for number, name in enumerate(STAGES):
            for victim in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
                self.stand_in(name, f'"$real" "$@" | head -c -20; kill -{victim.value} $$',
                              only_for=self.input_of(name))
                done = self.diff("--force")
                self.assertEqual(done.code, 128 + victim)
                short = victim.name.removeprefix("SIG")
                self.assertEqual(done.err, f"mallorn: error: {name} was stopped by signal "
                                           f"{short} [interrupted]\n".encode())
                if number < 2:
                    self.assertEqual(os.listdir(self.home), [])
            self.remove_stand_in(name)

    def test_two_stages_fail(self) -> None:
        self.stand_in("mallorn-parse", "echo first >&2; exit 66", only_for=OLD)
        self.stand_in("mallorn-pack", "cat > /dev/null; echo third >&2; exit 74")
        done = self.diff()
        self.assertEqual((done.code, done.err), (66, b"first\n"))

    def test_last_stage_fails_while_the_others_have_much_to_say(self) -> None:
        self.stand_in("mallorn-parse", "yes")
        self.stand_in("mallorn-delta", "cat")
        self.stand_in("mallorn-pack", "head -c 100000 > /dev/null; echo third >&2; exit 74")
        done = self.diff()
        self.assertEqual((done.code, done.err), (74, b"third\n"))

    def test_a_stage_ends_as_soon_as_its_reader_has_left(self) -> None:
        """Not at its next write: what it is at may take minutes. A wrong passphrase is such a case."""
        for line in (("mallorn-parse", "--manifest", "-"), ("mallorn-delta", NEW), ("mallorn-pack",)):
            with self.subTest(line=line):
                reader, writer = os.pipe()
                process = self.start(*line, stdin=subprocess.PIPE, stdout=writer)
                os.close(writer)
                self.assertIsNone(process.poll())
                os.close(reader)
                self.assertEqual(process.wait(timeout=60), -signal.SIGPIPE)
                process.communicate()

    def test_absent_models(self) -> None:
        for old, new in (("absent", NEW), (OLD, "absent"), ("absent", "absent"), (OLD, "."),
                         ("absent", "lost"), (".", "absent"), ("/dev/null", NEW)):
            done = self.fail_with(66, "cannot_open", "mallorn", "diff", old, new, "-o", "out")
            self.assertIn(str(old if old != OLD else new).encode(), done.lines[0])
            self.assertEqual(os.listdir(self.home), [])

    def test_strict(self) -> None:
        odd = self.home / "odd.gguf"
        odd.write_bytes((MODELS / "v3.gguf").read_bytes()[:100])
        for old, new in ((odd, NEW), (OLD, odd)):
            done = self.run_program("mallorn", "diff", "--strict", old, new, "-o", "out")
            self.assertEqual(done.code, 65, done)
            self.assert_one_error(done)
            done = self.run_program("mallorn", "diff", old, new, "-o", "out")
            self.assertEqual((done.code, len(done.lines)), (0, 1), done)
            self.assertIn(b": warning: ", done.err)
            (self.home / "out").unlink()

    def test_folder_for_the_pipes(self) -> None:
        """Where none can be made, no pipe is made anywhere else: as root, that would be in /."""
        (self.home / "file").touch()
        folder = self.home.parent / "path"
        folder.mkdir()
        for name in ("mkfifo", "rm"):
            (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {self.home.parent}/calls\n')
            (folder / name).chmod(0o755)
        self.succeed("mallorn", "keygen", self.home.parent / "key")
        lines = (("diff", OLD, NEW, "-o", "out"),
                 ("patch", "--key", self.home.parent / "key.pub", OLD, NEW, "-o", "out"),
                 ("verify", "--key", self.home.parent / "key.pub", OLD, NEW))
        for where in ("absent", "file", "-absent"):
            for line in lines:
                done = self.fail_with(73, "cannot_create", "mallorn", *line,
                                      env={**self.environment(), "TMPDIR": where,
                                           "PATH": f"{folder}:{os.environ['PATH']}"})
                self.assertIn(b"TMPDIR", done.lines[1])
                self.assertEqual(os.listdir(self.home), ["file"])
                self.assertFalse((self.home.parent / "calls").exists())

    def test_ignored_sigpipe(self) -> None:
        """Some callers ignore SIGPIPE, and what they start inherits that."""
        large = self.home.parent / "large"
        large.write_bytes(random.Random(1).randbytes(8 << 20))
        self.stand_in("mallorn-pack", "echo third >&2; exit 73")
        done = self.run_program("mallorn", "diff", "-q", "--inline", large, NEW, "-o", "out",
                                env=self.use_stand_ins(), restore_signals=False)
        self.assertEqual((done.code, done.err), (73, b"third\n"))


if __name__ == "__main__":
    unittest.main()
