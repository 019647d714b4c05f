"""Tests scripts/bench-floor: what it counts, on a pair and on numbers that are known.

    MALLORN_BIN=build python3 tests/bench_floor_test.py

Needs numpy: where this interpreter has none, Debian's is asked; where that has none, it is skipped.
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent
DEBIAN_PYTHON = "/usr/bin/python3"
SKIPPED = 77
sys.path.insert(0, str(TOP / "scripts"))

try:
    import numpy as np
except ImportError:
    if sys.executable == DEBIAN_PYTHON or not os.access(DEBIAN_PYTHON, os.X_OK):
        sys.exit(SKIPPED)
    os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])

SCRIPT = TOP / "scripts" / "bench-floor"
LOADER = importlib.machinery.SourceFileLoader("bench_floor", str(SCRIPT))
bench_floor = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_floor", LOADER))
LOADER.exec_module(bench_floor)


class Floor(unittest.TestCase):
    def test_noise_is_what_is_below_the_leading_bit_and_the_sign(self) -> None:
        old = np.array([0x3C00, 0x3C00, 0x3C00, 0x3C00, 0x0000], "<u2")
        new = np.array([0x3C00, 0x3C01, 0x3BFB, 0xBC00, 0x8000], "<u2")
        # The same; 1 bit apart: its sign; 5: its sign and two bits; another sign: all of a mantissa and
        # a sign; -0: a neighbour of 0.
        self.assertEqual(bench_floor.noise_bits(old, new, 10).tolist(), [1, 3, 11, 1])
        low = bench_floor.low_bits(old, np.array([0x3C00, 0x3C08, 0x3C0D, 0, 0], "<u2"), 10)
        self.assertEqual(np.concatenate(low).tolist(), [0, 1])  # of 8 and of 13

    def test_of_a_pair(self) -> None:
        name = "ft_res8s_s2_head_f16_onnx"
        done = subprocess.run([sys.executable, SCRIPT, TOP / "tests" / "pairs" / name], check=True,
                              capture_output=True, text=True)
        self.assertEqual(done.stdout.splitlines()[1].split()[:3], [name, "4,516", "4,709"])

    def test_refuses_what_is_no_case(self) -> None:
        done = subprocess.run([sys.executable, SCRIPT, TOP / "docs"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.count("\n")), (66, 1))
        self.assertIn("has no old.* and new.*", done.stderr)


if __name__ == "__main__":
    unittest.main()
