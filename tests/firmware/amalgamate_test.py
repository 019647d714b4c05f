"""The two files that projects drop in compile, and manifests agree about the version."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

AMALGAMATE = pathlib.Path(sys.argv.pop()).resolve()
ROOT = AMALGAMATE.parent.parent
COMPILERS = [["g++"], ["arm-none-eabi-g++", "-mcpu=cortex-m0plus", "-mthumb"]]
FLAGS = ["-std=c++20", "-Os", "-ffreestanding", "-fno-exceptions", "-fno-rtti",
         "-fno-threadsafe-statics", "-Wall", "-Wextra", "-Werror"]


class Amalgamation(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        subprocess.run([sys.executable, "-B", AMALGAMATE, self.folder], check=True)

    def tearDown(self):
        self.temporary.cleanup()

    def test_it_compiles_alone(self):
        for compiler in COMPILERS:
            if shutil.which(compiler[0]) is None:
                continue
            with self.subTest(compiler[0]):
                subprocess.run([*compiler, *FLAGS, "-c", "src/mallorn_fw.cpp", "-o", "made.o"],
                               cwd=self.folder, check=True)

    def test_manifests_have_the_version_of_the_project(self):
        version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
        self.assertEqual(json.loads((self.folder / "library.json").read_text())["version"], version)
        self.assertIn(f"version={version}\n", (self.folder / "library.properties").read_text())
        component = (ROOT / "firmware/ports/esp_partition/idf_component.yml").read_text()
        self.assertIn(f'version: "{version}"', component)


if __name__ == "__main__":
    unittest.main()
