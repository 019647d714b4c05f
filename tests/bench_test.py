#!/usr/bin/env python3
"""Tests of scripts/bench: a stand-in for mallorn, tiny files, no peer needed. Takes seconds.

    python3 tests/bench_test.py
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_measure
import bench_plain
import bench_process
import bench_speed

# Its patch is the new file without its last byte, so that sizes and results can be foreseen.
STAND_IN = """#!/bin/sh
case $1 in
  diff) head -c -1 "$3" > "$5" ;;
  patch) {{ cat "$3"; printf {last}; }} > "$5" ;;
esac
exit {exit_code}
"""


# A manifest beside the model stands in for what mallorn-parse finds out.
PARSE = """#!/bin/sh
for model; do :; done
cat "${model%.bin}.json"
"""


def write_manifest(model: Path, tensors: list[tuple[str, int, int, str]]) -> None:
    """Tensors are (name, offset, length, dtype)."""
    model.with_suffix(".json").write_text(json.dumps({"ranges": [
        {"kind": "tensor", "names": [name] if name else [], "offset": offset, "length": length,
         "dtype": dtype} for name, offset, length, dtype in tensors]}))


def write_program(path: Path, text: str) -> Path:
    path.write_text(text, encoding="ascii")
    path.chmod(0o755)
    return path


class BenchRun(unittest.TestCase):
    """The whole program, on a folder of two cases whose new files end in Z."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.home = Path(holder.name)
        self.models = self.home / "models"
        for case, size in (("alpha", 1001), ("beta", 2001)):
            (self.models / case).mkdir(parents=True)
            (self.models / case / "old.bin").write_bytes(b"a" * size)
            (self.models / case / "new.bin").write_bytes(b"b" * (size - 1) + b"Z")
        (self.home / "bin").mkdir()
        self.mallorn = self.stand_in("good", "Z", 0)

    def stand_in(self, name: str, last: str, exit_code: int) -> Path:
        return write_program(self.home / name, STAND_IN.format(last=last, exit_code=exit_code))

    def bench(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PATH": f"{self.home / 'bin'}:/usr/bin:/bin",
                                    "MALLORN_MODELS": str(self.models)}
        return subprocess.run(
            [sys.executable, str(SCRIPTS / "bench"), "--mallorn", str(self.mallorn), *arguments],
            capture_output=True, text=True, env=environment, check=False)

    def results(self, *arguments: str) -> list[dict]:
        table = self.home / "out.tsv"
        self.ended = self.bench("--tsv", str(table), *arguments)
        with table.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))

    def test_a_good_round_trip_is_measured(self) -> None:
        rows = self.results("--tools", "mallorn,limit", "--only", "alpha")
        self.assertEqual(self.ended.returncode, 0, self.ended.stderr)
        ours, limit = rows
        self.assertEqual((ours["tool"], ours["patch_bytes"], ours["error"]), ("mallorn", "1000", ""))
        self.assertGreater(float(ours["apply_seconds"]), 0)
        self.assertEqual(limit["patch_bytes"], "")
        self.assertGreater(float(limit["apply_seconds"]), 0)

    def test_a_wrong_result_fails_the_run(self) -> None:
        self.mallorn = self.stand_in("wrong", "Y", 0)
        rows = self.results("--tools", "mallorn")
        self.assertEqual(self.ended.returncode, 1)
        self.assertIn("differs", rows[0]["error"])
        self.assertIn("FAILED", self.ended.stdout)

    def test_a_bad_exit_code_fails_the_run(self) -> None:
        self.mallorn = self.stand_in("dying", "Z", 3)
        rows = self.results("--tools", "mallorn")
        self.assertEqual(self.ended.returncode, 1)
        self.assertIn("exit 3", rows[0]["error"])

    def test_a_failing_peer_is_shown_and_never_the_best(self) -> None:
        write_program(self.home / "bin/bsdiff", "#!/bin/sh\necho out of luck >&2\nexit 1\n")
        write_program(self.home / "bin/bspatch", "#!/bin/sh\n")
        rows = self.results("--tools", "mallorn,bsdiff", "--only", "beta")
        self.assertEqual(self.ended.returncode, 0, self.ended.stderr)
        peer = next(row for row in rows if row["tool"] == "bsdiff")
        self.assertEqual((peer["error"], peer["is_best_peer"]), ("diff: exit 1: out of luck", "0"))
        self.assertIn("out of luck", self.ended.stdout)

    def test_a_listed_peer_is_compared_and_marked(self) -> None:
        (self.models / "best-peers.tsv").write_text(
            "case\tnew\ttool\tpatch\nalpha\t1001\tother\t468\nbeta\t2001\tother\t1968\n")
        (self.models / "pairs.tsv").write_text("case\tformat\tkind\nalpha\traw\tsmall\n")
        report = self.home / "out.json"
        rows = self.results("--tools", "mallorn", "--digest-allowance", "32", "--json", str(report))
        ours, listed = rows[0], rows[1]
        self.assertEqual((listed["source"], listed["is_best_peer"]), ("list", "1"))
        self.assertEqual((listed["patch_bytes"], listed["counted_bytes"]), ("468", "500"))
        self.assertEqual(float(ours["size_ratio"]), 2.0)
        self.assertIn("other (list)", self.ended.stdout)
        means = {mean["name"]: mean for mean in json.loads(report.read_text())["size"]}
        self.assertAlmostEqual(means["all pairs"]["mean"], 2 ** 0.5)  # of 2 and 1
        self.assertEqual((means["small"]["pairs"], means["small"]["worst"]), (1, 2.0))

    def test_a_list_for_other_files_is_refused(self) -> None:
        (self.models / "best-peers.tsv").write_text("case\tnew\ttool\tpatch\nalpha\t7\tother\t3\n")
        ended = self.bench("--tools", "mallorn")
        self.assertEqual(ended.returncode, 64)
        self.assertIn("another file", ended.stderr)

    def test_a_case_folder_is_taken_alone_and_patches_are_kept(self) -> None:
        ended = self.bench("--tools", "mallorn", "--keep", str(self.home / "kept"),
                           str(self.models / "beta"))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual((self.home / "kept/beta/mallorn.patch").stat().st_size, 2000)
        self.assertFalse((self.home / "kept/alpha").exists())

    @unittest.skipUnless(shutil.which("zstd"), "needs zstd")
    def test_the_plain_baseline_is_compared_and_never_the_best(self) -> None:
        write_program(self.home / "mallorn-parse", PARSE)
        (self.models / "pairs.tsv").write_text(
            "case\tformat\tkind\nalpha\traw\tfine-tune\nbeta\traw\tretrained\n")
        for model in self.models.glob("*/*.bin"):
            write_manifest(model, [("t", 8, 900, "f32")])
        report = self.home / "out.json"
        rows = self.results("--tools", "mallorn,plain", "--digest-allowance", "7", "--json",
                            str(report))
        self.assertEqual(self.ended.returncode, 0, self.ended.stderr)
        ours, plain = rows[0], rows[1]
        self.assertEqual((plain["tool"], plain["error"], plain["is_best_peer"]), ("plain", "", "0"))
        self.assertEqual(int(plain["counted_bytes"]), int(plain["patch_bytes"]) + 7)
        self.assertAlmostEqual(float(ours["plain_ratio"]), 1000 / int(plain["counted_bytes"]),
                               places=5)
        means = {mean["name"]: mean for mean in json.loads(report.read_text())["plain"]}
        self.assertEqual({name: mean["pairs"] for name, mean in means.items()},
                         {"related pairs": 1, "all pairs": 2, "fine-tune": 1, "retrained": 1})
        self.assertIn("plain tensor baseline", self.ended.stdout)

    def test_bits_per_weight_are_held_against_targets(self) -> None:
        fields = {"type": "q4_0", "update": "light", "weights": 2000, "bits_per_weight": 4.0}
        (self.models / "alpha/target.json").write_text(json.dumps(fields))
        (self.models / "beta/target.json").write_text(
            json.dumps(fields | {"weights": 1000, "type": "f16", "floor": 4.25}))
        self.mallorn = write_program(self.home / "counting", STAND_IN.format(last="Z", exit_code=0)
                                     .replace("esac", "  info) echo '" + json.dumps({"sections": [
                                         {"dtype": "q4_0", "coded_bytes": 300},
                                         {"dtype": "f32", "coded_bytes": 5},
                                         {"dtype": "q4_0", "coded_bytes": 200}]}) + "' ;;\nesac"))
        report = self.home / "out.json"
        self.results("--tools", "mallorn", "--json", str(report))
        alpha, beta = json.loads(report.read_text())["targets"]
        self.assertEqual((alpha["patch_bits"], alpha["weight_bits"], alpha["target_bits"]),
                         (4.0, 2.0, 4.0))  # 1000 and 500 bytes for 2000 weights
        self.assertEqual((beta["patch_bits"], beta["weight_bits"]), (16.0, 0.0))
        self.assertGreater(alpha["apply_mb_per_s"], 0)
        self.assertIn("target kept in 1 of 2 pairs", self.ended.stdout)
        self.assertRegex(self.ended.stdout, r"f16 +light +16.0000 .* 4.2500 .* over, as the floor is\n")
        self.assertRegex(self.ended.stdout, r"q4_0 +light +4.0000 .*[0-9-]\n")

    def test_a_broken_target_is_refused(self) -> None:
        for text in ("{", '{"type": "f32"}'):
            (self.models / "alpha/target.json").write_text(text)
            ended = self.bench("--tools", "mallorn")
            self.assertEqual(ended.returncode, 64)
            self.assertIn("target.json", ended.stderr)

    def test_speed_is_the_new_model_over_the_time(self) -> None:
        rows = self.results("--tools", "mallorn", "--only", "beta")
        ours, = rows
        seconds = float(ours["apply_seconds"])
        speed = 2001e-6 / seconds
        # The speed is rounded to thousandths, and the time to millionths.
        self.assertAlmostEqual(float(ours["apply_mb_per_s"]), speed, delta=0.00051 + speed * 1e-6 / seconds)

    def test_one_core_is_what_all_programs_get(self) -> None:
        self.mallorn = write_program(
            self.home / "counting", f'#!/bin/sh\nnproc >> "{self.home}/cores"\n'
            f'echo "$@" >> "{self.home}/words"\ncp "$3" "$5"\n')
        for options, cores, threads in ((("--one-core",), 1, 1),
                                        (("--one-core", "--threads", "3"), 1, 3),
                                        (("--threads", "3"), len(os.sched_getaffinity(0)), 3)):
            with self.subTest(options):
                ended = self.bench("--tools", "mallorn", "--only", "beta", *options)
                place = " on one core" if "--one-core" in options else ""
                self.assertIn(f"threads {threads}{place}, ", ended.stdout)
                lines = [(self.home / name).read_text().splitlines()[-1]
                         for name in ("cores", "words")]
                self.assertEqual(lines[0], str(cores))
                self.assertTrue(lines[1].endswith(f"--threads {threads}"), lines[1])

    def test_wrong_use_ends_with_64(self) -> None:
        for arguments in (["--bogus"], ["--only", "nothing"], ["--tools", "nothing"],
                          ["--threads", "0"], ["--best-peers", str(self.home / "none")],
                          [str(self.home / "none")], ["--big", "1X"], ["--big", "1K"], ["--speed", "1K"],
                          ["--mallorn", str(self.home / "none")]):
            with self.subTest(arguments):
                ended = self.bench(*arguments)
                self.assertEqual(ended.returncode, 64, ended.stderr)
                self.assertTrue(ended.stderr.startswith("bench: error: "), ended.stderr)

    def test_help_fits_on_a_screen(self) -> None:
        ended = self.bench("--help")
        self.assertEqual(ended.returncode, 0)
        self.assertLessEqual(max(map(len, ended.stdout.splitlines())), 80)
        self.assertEqual(ended.stdout.count("\n  scripts/bench "), 2)

    def test_a_big_pair_is_measured(self) -> None:
        # Its new file does not end in Z, so the usual stand-in must fail; a plain copy does not.
        ended = self.bench("--big", "4M")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn("FAILED apply: the result differs", ended.stdout)
        self.mallorn = write_program(
            self.home / "copy",
            '#!/bin/sh\ncase $1 in diff) cp "$3" "$5" ;; patch) cp "$3" "$5" ;; esac\n')
        ended = self.bench("--big", "4M")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertRegex(ended.stdout, r"mallorn +\d+ +100\.000 +\d+\.\d+ +\d+")
        self.assertRegex(ended.stdout, r"limit +- +- +\d+\.\d+ +\d+")


NOTES = """\
mallorn-apply: note: decoded by values: 2,000 bytes in 0.000010 s of a processor, 200 MB/s
mallorn-apply: note: decoded by tokens: 1,000,000 bytes in 0.001990 s of a processor, 502 MB/s
mallorn-apply: note: decoded steps: 1,048,576 bytes in 0.000100 s of a processor, 10,485 MB/s
mallorn-apply: note: checked: 1,048,576 bytes in 0.000300 s of a processor, 3,495 MB/s
mallorn-apply: note: hashed: 1,048,576 bytes in 0.001000 s of a processor, 1,048 MB/s
"""


class Speed(unittest.TestCase):
    def test_decoding_is_what_all_codecs_took(self) -> None:
        codec, speed = bench_speed.decoding(NOTES)
        self.assertEqual(codec, "tokens")
        self.assertAlmostEqual(speed, 1.002 / 0.002)

    def test_without_codecs_it_is_steps_and_checks(self) -> None:
        notes = "".join(line for line in NOTES.splitlines(True) if " by " not in line)
        codec, speed = bench_speed.decoding(notes)
        self.assertEqual(codec, "copy")
        self.assertAlmostEqual(speed, 1.048576 / 0.0004)

    def test_every_type_is_measured_by_both_kinds_of_codecs(self) -> None:
        rows = bench_speed.all_rows()
        for level in (bench_speed.FAST, bench_speed.ADAPTIVE):
            types = {row.type for row in rows if row.level == level}
            self.assertEqual(types, set(bench_speed.TYPES))
        self.assertEqual(len(rows), len(set(rows)))

    def test_a_line_has_what_was_measured(self) -> None:
        speeds = bench_speed.Speeds(bench_speed.Row("f16", "medium", 3, 1.0), "tokens", 26.5, {1: 90},
                                    {1: 400, 2: 700}, {1: 600, 2: 900}, 1100, 210)
        self.assertEqual(bench_speed.line_of(speeds).split(), [
            "f16", "medium", "tokens", "26.500", "90", "-", "400", "700", "600", "900", "1100", "210"])
        self.assertEqual(len(bench_speed.line_of(speeds)), len(bench_speed.HEAD))

    def test_a_failing_program_is_a_failure(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            program = write_program(Path(folder) / "fails", "#!/bin/sh\necho no >&2\nexit 1\n")
            effort = bench_measure.Effort(1, 1, 1, 60)
            with self.assertRaisesRegex(bench_speed.RunFailed, "no"):
                bench_speed.best_of(1, [str(program)], 1, effort)


@unittest.skipUnless(shutil.which("zstd"), "needs zstd")
class Plain(unittest.TestCase):
    """The plain tensor baseline gives back every file, whatever happened to its tensors."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.home = Path(holder.name)
        self.parse = str(write_program(self.home / "mallorn-parse", PARSE))

    def patch_size(self, old: tuple[bytes, list], new: tuple[bytes, list]) -> int:
        paths = {name: self.home / f"{name}.bin" for name in ("old", "new")}
        for path, (content, tensors) in zip(paths.values(), (old, new)):
            path.write_bytes(content)
            write_manifest(path, tensors)
        patch, output = str(self.home / "patch"), self.home / "output"
        bench_plain.diff(self.parse, str(paths["old"]), str(paths["new"]), patch)
        bench_plain.apply(self.parse, str(paths["old"]), patch, str(output))
        self.assertEqual(output.read_bytes(), new[0])
        return Path(patch).stat().st_size

    def test_round_trips(self) -> None:
        noise = random.Random(1).randbytes
        head, a, b, c = noise(10), noise(400), noise(300), noise(41)
        old = (head + a + b + c, [("a", 10, 400, "f32"), ("b", 410, 300, "bf16"),
                                  ("c", 710, 41, "f16")])  # c: half an element too long
        full = len(old[0])
        for name, new, most in (
                ("equal", old, 60),
                ("moved", (b"!" + head + a + b"..." + b + c + b"end",
                           [("a", 11, 400, "f32"), ("b", 414, 300, "bf16"), ("c", 714, 41, "f16")]),
                 100),
                ("reordered", (c + b + head + a, [("c", 0, 41, "f16"), ("b", 41, 300, "bf16"),
                                                  ("a", 351, 400, "f32")]), 100),
                ("renamed and resized", (head + a + b[:200], [("z", 10, 400, "f32"),
                                                              ("b", 410, 200, "bf16")]), 120),
                ("other", (noise(700), [("a", 100, 400, "f32")]), full + 100),
                ("none", (b"", []), 60)):
            with self.subTest(name):
                self.assertLess(self.patch_size(old, new), most)

    def test_planes_of_small_steps_are_small(self) -> None:
        noise = random.Random(1)
        old = noise.randbytes(40000)
        new = bytearray(old)
        for at in range(0, 40000, 4):
            new[at] ^= noise.getrandbits(8)
        tensors = [("t", 0, 40000, "f32")]
        self.assertLess(self.patch_size((old, tensors), (bytes(new), tensors)), 10200)


class Process(unittest.TestCase):
    """Measuring single commands."""

    BLOCK = "import time; block = bytearray(80 << 20); time.sleep(0.1)"

    def test_memory_and_time_are_seen(self) -> None:
        measure = bench_process.run([sys.executable, "-c", self.BLOCK], 60)
        self.assertEqual(measure.error, "")
        self.assertGreater(measure.seconds, 0.1)
        self.assertGreater(measure.rss_bytes, 80 << 20)
        self.assertGreater(measure.anon_bytes, 80 << 20)

    def test_stages_of_a_pipeline_are_added(self) -> None:
        pipeline = '"$0" -c "$1" | "$0" -c "$1"; true'
        measure = bench_process.run(["sh", "-c", pipeline, sys.executable, self.BLOCK], 60)
        self.assertGreater(measure.rss_bytes, 160 << 20)
        self.assertLess(measure.rss_bytes, 300 << 20)

    def test_mapped_files_count_as_resident_only(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(80 << 20)
            code = ("import mmap, sys, time\n"
                    "file = open(sys.argv[1], 'rb')\n"
                    "view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
                    "sum(view[::4096])\n"
                    "time.sleep(0.1)")
            measure = bench_process.run([sys.executable, "-c", code, file.name], 60)
        self.assertEqual(measure.error, "")
        self.assertGreater(measure.rss_bytes, 80 << 20)
        self.assertLess(measure.anon_bytes, 40 << 20)

    def test_a_short_command_has_unknown_memory(self) -> None:
        self.assertEqual(bench_process.run(["true"], 60).rss_bytes, 0)

    def test_a_timeout_ends_all_processes(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            survivor = Path(folder) / "survivor"
            measure = bench_process.run(
                ["sh", "-c", '(sleep 0.6; touch "$0") | sleep 60', str(survivor)], 0.2)
            self.assertEqual(measure.error, "timeout")
            self.assertLess(measure.seconds, 30)
            time.sleep(0.8)
            self.assertFalse(survivor.exists())

    def test_failures_are_told_apart(self) -> None:
        self.assertIn("cannot start", bench_process.run(["/nowhere/program"], 60).error)
        self.assertEqual(bench_process.run(["sh", "-c", "kill -9 $$"], 60).error, "signal 9")

    def test_files_are_compared_to_the_last_byte(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            one, other = Path(folder) / "one", Path(folder) / "other"
            one.write_bytes(bytes(3 << 20))
            for content, is_same in ((bytes(3 << 20), True), (bytes((3 << 20) - 1) + b"x", False),
                                     (bytes((3 << 20) + 1), False)):
                other.write_bytes(content)
                self.assertEqual(bench_measure.is_same_file(one, other), is_same)


if __name__ == "__main__":
    unittest.main()
