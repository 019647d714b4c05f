"""Tests scripts/firmware_stack.py: what the stack of firmware cannot be told from must be noticed."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, sys.argv.pop(1))
from firmware_stack import Fault, Graph  # noqa: E402


def node(name, frame):
    return f'node: {{ title: "{name}" label: "{name}()\\nfile.cpp:1:1\\n{frame}" }}\n'


def edge(caller, callee, place="file.cpp:1:5"):
    return f'edge: {{ sourcename: "{caller}" targetname: "{callee}" label: "{place}" }}\n'


class Stack(unittest.TestCase):
    def graph(self, text, source=""):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        pathlib.Path(folder.name, "file.cpp").write_text(source, encoding="ascii")
        made = Graph()
        made.add(text, folder.name)
        return made

    def test_the_deepest_path_counts(self):
        made = self.graph(node("a", "8 bytes (static)") + node("b", "16 bytes (static)") +
                          node("c", "24 bytes (static)") + edge("a", "b") + edge("a", "c") +
                          edge("b", "memcpy") + edge("b", "__gnu_thumb1_case_uqi"))
        self.assertEqual(made.deepest("a"), (32, ["a", "c"]))
        self.assertEqual(made.deepest("a", without=["c"]), (24, ["a", "b"]))

    def test_functions_behind_pointers_count(self):
        text = (node("a", "8 bytes (static)") + node("_Z9read_filev", "40 bytes (static)") +
                edge("a", "__indirect_call"))
        self.assertEqual(self.graph(text, "ok = files.read(x);").deepest("a")[0], 48)
        self.assertEqual(self.graph(text, "ok = m.port->read(x);").deepest("a")[0], 8)

    def test_faults_are_noticed(self):
        static = node("a", "8 bytes (static)")
        cases = {
            "calls itself": static + node("b", "8 bytes (static)") + edge("a", "b") + edge("b", "a"),
            "not compiled here": static + edge("a", "printf"),
            "calls nobody knows what": static + edge("a", "__indirect_call"),
        }
        for words, text in cases.items():
            with self.assertRaisesRegex(Fault, words):
                self.graph(text, "callback(x);").deepest("a")
        with self.assertRaisesRegex(Fault, "no fixed size"):
            self.graph(node("a", "8 bytes (dynamic)"))


if __name__ == "__main__":
    unittest.main()
