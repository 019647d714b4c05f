"""Tests scripts/check_freestanding.py: planted faults must be noticed."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(sys.argv.pop(1)).resolve()

GOOD = """#include <array>
#include <cstdint>
constexpr std::array<int, 3> kTable = {1, 2, 3};
int look_up(uint32_t i) { return kTable[i % 3]; }
"""
BAD = {
    "heap": ("int* make() { return new int(7); }", "needs _Znwm"),
    "libc": ("extern \"C\" int puts(const char*); int f() { return puts(\"x\"); }", "needs puts"),
    "exception": ("void f() { throw 1; }", "error"),
    "rtti": ("#include <typeinfo>\nstruct A { virtual int g(); };\n"
             "const char* f(A& a) { return typeid(a).name(); }", "error"),
    "global": ("int counter; int f() { return ++counter; }", "has a global, counter"),
    "static": ("int f() { static int calls = 7; return ++calls; }", "has a global"),
    "initialiser": ("int f(); const int kValue = f(); const int* g() { return &kValue; }", ""),
    "destructor": ("struct A { virtual ~A(); }; A::~A() {}", "needs _ZdlPv"),
}


def check(source):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "source.cpp"
        path.write_text(source, encoding="ascii")
        return subprocess.run([sys.executable, "-B", CHECK, "--compiler", "g++", "--flag=-fno-pie",
                               "--flag=-Wno-error", "--", path], capture_output=True, text=True)


class Noticed(unittest.TestCase):
    def test_good_code_passes(self):
        result = check(GOOD)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_each_planted_fault_is_noticed(self):
        for name, (source, message) in BAD.items():
            with self.subTest(name):
                result = check(source)
                self.assertEqual(result.returncode, 1)
                self.assertIn(message, result.stderr)

    def test_a_missing_compiler_is_skipped(self):
        result = subprocess.run([sys.executable, "-B", CHECK, "--compiler", "no-such-compiler", "x"],
                                capture_output=True)
        self.assertEqual(result.returncode, 77)


if __name__ == "__main__":
    unittest.main()
