"""How deep the stack of firmware gets: the frames of the compiler, along its graph of calls.

GCC writes both to FILE.ci with -fcallgraph-info=su. What cannot be told from them is a fault: frames
of no fixed size, recursion, functions that are nowhere, calls through pointers that are not known here.
Functions of the port, those of the C library and those of the compiler count as nothing: they are the
application's.
"""
import pathlib
import re

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "([^"]*)"', re.MULTILINE)
FRAME = re.compile(r"(\d+) bytes \((\w[\w,]*)\)")
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"(?: label: "([^"]+)")?',
                  re.MULTILINE)
OUTSIDE = re.compile(r"mem(cpy|move|set|cmp)|__\w+")
INDIRECT = "__indirect_call"

# What a call through a pointer may call, by its text: functions whose names contain one of the words.
POINTERS = [
    (re.compile(r"kSteps\["), ["step_"]),
    (re.compile(r"\bfiles\.read\("), ["read_file"]),
    (re.compile(r"\bport(->|\.)verify\("), ["mallorn_verify_ed25519"]),
    (re.compile(r"\bport(->|\.)\w+\("), []),
]


class Fault(Exception):
    """The stack has no limit that can be told."""


class Graph:
    def __init__(self):
        self.frames = {}  # bytes, by function
        self.calls = {}   # [callee], by function
        self.pointers = {}  # [place of the call], by function

    def add(self, text, folder):
        """`text` of a .ci; `folder` is where the compiler ran."""
        for name, label in NODE.findall(text):
            frame = FRAME.search(label)
            if frame is None:
                continue
            if "dynamic" in frame[2]:
                raise Fault(f"{name}: frame of no fixed size")
            self.frames[name] = int(frame[1])
        for caller, callee, place in EDGE.findall(text):
            if callee == INDIRECT:
                self.pointers.setdefault(caller, []).append((folder, place))
            else:
                self.calls.setdefault(caller, []).append(callee)

    def called(self, function):
        names = list(self.calls.get(function, []))
        for folder, place in self.pointers.get(function, []):
            path, line, _ = place.rsplit(":", 2)
            text = pathlib.Path(folder, path).read_text(encoding="utf-8").splitlines()[int(line) - 1]
            words = next((words for pattern, words in POINTERS if pattern.search(text)), None)
            if words is None:
                raise Fault(f"{place}: calls nobody knows what: {text.strip()}")
            names += [name for name in self.frames
                      for word in words if is_function(name, word)]
        return names

    def deepest(self, function, without=(), above=()):
        """Bytes, and the functions from this one down. `without`: words of what is not called."""
        if function in above:
            raise Fault(f"{function}: calls itself")
        if function not in self.frames:
            if OUTSIDE.fullmatch(function):
                return 0, []
            raise Fault(f"{function}: not compiled here")
        worst = (0, [])
        for name in self.called(function):
            if not any(is_function(name, word) for word in without):
                worst = max(worst, self.deepest(name, without, (*above, function)))
        return self.frames[function] + worst[0], [function, *worst[1]]


def is_function(name, word):
    """Whether the mangled name is one of a function, not of a class, that begins with the word."""
    plain = name.rsplit(":", 1)[-1]
    return plain == word or re.search(rf"(?<=\d){word}", plain) is not None
