"""Tests scripts/check_layers.py: planted faults must be noticed, with file and line."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check_layers.py"

# A tree without faults; each test plants one.
TREE = {
    "libcommon/core/bytes.hpp": "#pragma once\n#include <cstring>\nusing Size = decltype(sizeof(1));\n",
    "libcommon/file.hpp": '#pragma once\n#include <string>\n#include "libcommon/core/bytes.hpp"\n'
                          'constexpr int kMost = 1;\nclass File {\n};\n',
    "libcommon/digest.cpp": "#include <openssl/sha.h>\n",
    "mallorn-pack/zstd_run.cpp": '#include <zstd.h>\n#include "libcommon/file.hpp"\n',
    "mallorn-apply/core/decoder.hpp": '#pragma once\n#include "libcommon/core/bytes.hpp"\n',
    "mallorn-apply/apply.cpp": '#include "mallorn-apply/core/decoder.hpp"\n',
    "firmware/update.cpp": '#include "mallorn-apply/core/decoder.hpp"\n',
    "tests/apply/any_test.cpp": '#include <doctest/doctest.h>\n#include "mallorn-apply/core/decoder.hpp"\n',
}
PLANTED = [
    ("libcommon/core/bad.cpp", '#include "libcommon/file.hpp"', "is not for this folder"),
    ("libcommon/bad.cpp", '#include "mallorn-apply/core/decoder.hpp"', "is not for this folder"),
    ("mallorn-pack/bad.cpp", '#include "mallorn-apply/core/decoder.hpp"', "is not for this folder"),
    ("mallorn-apply/core/bad.cpp", '#include "libcommon/file.hpp"', "is not for this folder"),
    ("mallorn-apply/bad.cpp", '#include "tests/apply/any_test.cpp"', "is not for this folder"),
    ("firmware/bad.cpp", '#include "libcommon/file.hpp"', "is not for this folder"),
    ("firmware/bad.cpp", '#include "mallorn-apply/apply.cpp"', "is not for this folder"),
    ("mallorn-apply/core/bad.cpp", "#include <vector>", "is not freestanding"),
    ("libcommon/core/bad.cpp", "#include <string.h>", "is not freestanding"),
    ("libcommon/core/bad.cpp", "int f(const char* s) { return strlen(s); }", "strlen() is not"),
    ("mallorn-apply/bad.cpp", "#include <zstd.h>", "of zstd belongs into"),
    ("mallorn-delta/bad.cpp", "# include <nlohmann/json.hpp>", "of nlohmann_json belongs into"),
    ("mallorn-parse/bad.cpp", "#include <flatbuffers/flatbuffers.h>", "of flatbuffers belongs"),
    ("mallorn-parse/bad.cpp", '#include "mallorn-parse/tflite_generated.h"', "of flatbuffers belongs"),
    ("mallorn-sign/bad.cpp", "#include <openssl/evp.h>", "of OpenSSL belongs into"),
    ("mallorn-sign/bad.cpp", "#include <cxxopts.hpp>", "of cxxopts belongs into"),
    ("libcommon/bad.cpp", "#include <doctest/doctest.h>", "of doctest belongs into tests/"),
    ("libcommon/bad.cpp", '#include "bytes.hpp"', "is no file below the root"),
    ("mallorn-pack/bad.cpp", "constexpr size_t kMost = 2;", "kMost is what libcommon/file.hpp has"),
    ("mallorn-pack/bad.cpp", "struct File {", "File is what libcommon/file.hpp has"),
    ("libcommon/bad.cpp", '#include "../mallorn-apply/core/decoder.hpp"', "is no file below the root"),
]


class Layers(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = pathlib.Path(holder.name) / "project"
        for name, text in TREE.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        return path

    def check(self, *arguments):
        result = subprocess.run([sys.executable, "-B", SCRIPT, *arguments, self.root],
                                capture_output=True, text=True)
        return result.returncode, result.stderr

    def test_a_good_tree_passes(self):
        self.assertEqual(self.check(), (0, ""))
        self.assertEqual(self.check("--compile", "g++"), (0, ""))

    def test_each_planted_fault_is_noticed_where_it_is(self):
        for name, line, message in PLANTED:
            with self.subTest(name + " " + line):
                path = self.write(name, "// a comment\n" + line + "\n")
                code, text = self.check()
                path.unlink()
                self.assertEqual(code, 1)
                self.assertTrue(text.startswith(f"{name}:2: "), text)
                self.assertIn(message, text)

    def test_a_header_without_guard_is_noticed(self):
        self.write("libcommon/bad.hpp", "int f();\n")
        self.assertEqual(self.check(), (1, "libcommon/bad.hpp:1: no #pragma once\n"))

    def test_a_source_that_hides_what_its_header_needs_is_noticed(self):
        self.write("libcommon/bad.hpp", "#pragma once\nstd::string f();\n")
        for before in ("#include <string>\n", '#include "libcommon/file.hpp"\n'):
            self.write("libcommon/bad.cpp", before + '#include "libcommon/bad.hpp"\n')
            self.assertEqual(self.check(),
                             (1, "libcommon/bad.cpp:1: does not include libcommon/bad.hpp first\n"))

    def test_a_header_that_needs_another_is_noticed(self):
        self.write("libcommon/bad.hpp", "#pragma once\nstd::string f();\n")
        code, text = self.check("--compile", "g++")
        self.assertEqual(code, 1)
        self.assertTrue(text.startswith("libcommon/bad.hpp:1: does not compile alone: "), text)
        self.assertEqual(text.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
