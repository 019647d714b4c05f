#!/usr/bin/env python3
"""Checks who includes whom, and that each header compiles alone.

    check_layers.py [ROOT]
    check_layers.py --compile CXX [--flag=FLAG]... [--jobs N] [ROOT]

Without --compile: every #include of our own is written in full from the root, names a file that is
there, and follows the arrows; core/ uses freestanding headers alone; each package is included in
its own files; a source includes its own header first, so that the build shows that it compiles
alone, and gives nothing of its own the name of what a header has: where files are compiled
together, it would be taken for that. With --compile: headers that have no source are compiled by
themselves. One line per fault: file:line: what. Exit 0 without faults, 1 with.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import subprocess
import sys

STAGES = ("mallorn-parse", "mallorn-delta", "mallorn-pack", "mallorn-apply", "mallorn-sign")

# Folder: what of our own it may include. The first folder that matches a file counts.
CORE = "libcommon/core"
LAYERS = [(CORE, (CORE,)), ("libcommon", ("libcommon",))]
for stage in STAGES:
    LAYERS.append((f"{stage}/core", (CORE, f"{stage}/core")))
    LAYERS.append((stage, ("libcommon", stage)))
LAYERS.append(("firmware", (CORE, "firmware", *(f"{stage}/core" for stage in STAGES))))
LAYERS.append(("tests", ("",)))

FREESTANDING = {"array", "bit", "compare", "concepts", "cstddef", "cstdint", "cstring", "limits",
                "new", "span", "type_traits", "utility"}
# Of <cstring>, what core may not use: all but memcpy, memmove, memset, memcmp.
STRING_CALL = re.compile(r"\b(mem(?:chr|rchr|mem|ccpy|pcpy)|str(?:n?len|n?cmp|n?cpy|n?cat|r?chr|str|tok|"
                         r"c?spn|pbrk|coll|xfrm|error|n?dup))\s*\(")

# Package: how its headers begin, and the only files that include them (besides tests/).
PACKAGES = [
    ("zstd", ("zstd", "zdict"),
     ("libcommon/zstd_*.cpp", "mallorn-pack/zstd_*.cpp", "mallorn-apply/zstd_*.cpp")),
    ("flatbuffers", ("flatbuffers/", "mallorn-parse/tflite_generated.h"),
     ("mallorn-parse/tflite*",)),
    ("OpenSSL", ("openssl/",), ("libcommon/digest.cpp", "mallorn-sign/ed25519.cpp")),
    ("nlohmann_json", ("nlohmann/",), ("libcommon/manifest*.cpp", "libcommon/stream_json.cpp")),
    ("cxxopts", ("cxxopts",), ("libcommon/command_line.*",)),
    ("doctest", ("doctest",), ()),
]
GENERATED = {"libcommon/version.hpp", "mallorn-parse/tflite_generated.h"}
# A constant or type of a namespace, where it is defined.
NAME = re.compile(r"(?:(?:inline |static )*constexpr\b[^=({;]*?\b(k[A-Z]\w*)|"
                  r"(?:class|struct|enum class) (\w+)(?=[ {]|$)(?!.*;$))")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')


def sources(root):
    """Our own files, relative to `root`, in order."""
    for top in ("libcommon", *STAGES, "firmware", "tests"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".hpp", ".cpp", ".h", ".c") and path.is_file():
                yield path.relative_to(root).as_posix()


def is_under(path, folder):
    return folder == "" or path.startswith(folder + "/")


def allowed_folders(path):
    return next((allowed for folder, allowed in LAYERS if is_under(path, folder)), ())


def own_fault(root, path, name):
    """What is wrong with `#include "name"` in `path`, or None."""
    if name not in GENERATED and not (root / name).is_file():
        return f'"{name}" is no file below the root'
    if not any(is_under(name, folder) for folder in allowed_folders(path)):
        return f'"{name}" is not for this folder'
    return None


def package_fault(path, name):
    for package, beginnings, homes in PACKAGES:
        if name.startswith(beginnings) and not is_under(path, "tests"):
            if not any(fnmatch.fnmatch(path, home) for home in homes):
                return f"<{name}> of {package} belongs into {' or '.join(homes) or 'tests/'}"
    return None


def core_fault(line):
    """A call of something from <cstring> that firmware does not have."""
    call = STRING_CALL.search(line.split("//")[0])
    return f"{call[1]}() is not freestanding" if call else None


def line_faults(root, path, line):
    match = INCLUDE.match(line)
    is_core = "/core/" in path and not is_under(path, "tests")
    if not match:
        if is_core:
            yield core_fault(line)
        return
    own, other = match.groups()
    name = own or other
    yield package_fault(path, name)
    if own is not None:
        yield own_fault(root, path, name)
    elif is_core and name not in FREESTANDING:
        yield f"<{name}> is not freestanding"


def layer_faults(root):
    for path in sources(root):
        lines = (root / path).read_text(encoding="utf-8").splitlines()
        if path.endswith(".hpp") and "#pragma once" not in lines:
            yield f"{path}:1: no #pragma once"
        own = own_header(root, path)
        if own and first_include(lines) != own:
            yield f"{path}:1: does not include {own} first"
        for number, line in enumerate(lines, 1):
            for fault in filter(None, line_faults(root, path, line)):
                yield f"{path}:{number}: {fault}"


def names_in(root, path):
    """Constants and types that `path` defines for whole namespaces, with their lines."""
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    return [(match[1] or match[2], number)
            for number, line in enumerate(lines, 1) if (match := NAME.match(line))]


def name_faults(root):
    headers = {path: {name for name, _ in names_in(root, path)}
               for path in sources(root) if path.endswith(".hpp")}
    for path in sources(root):
        if not path.endswith(".cpp") or path.startswith(("tests/", "firmware/")):
            continue  # firmware is compiled file by file
        for name, number in names_in(root, path):
            for header, names in headers.items():
                if name in names and any(is_under(header, each) for each in allowed_folders(path)):
                    yield f"{path}:{number}: {name} is what {header} has"


def own_header(root, path):
    """The header that the source `path` is to, or None."""
    header = path.removesuffix(".cpp") + ".hpp"
    return header if path.endswith(".cpp") and (root / header).exists() else None


def first_include(lines):
    return next((match[1] for match in map(INCLUDE.match, lines) if match), None)


def compile_alone(root, compiler, flags, path):
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{root}", *flags, "-include", path,
               "-x", "c++", os.devnull]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if result.returncode == 0:
        return None
    errors = [line for line in result.stderr.splitlines() if ": error:" in line]
    return f"{path}:1: does not compile alone: {(errors or ['?'])[0]}"


def header_faults(root, compiler, flags, jobs):
    headers = [path for path in sources(root) if path.endswith(".hpp") and
               not (root / path).with_suffix(".cpp").exists()]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from filter(None, pool.map(
            lambda path: compile_alone(root, compiler, flags, path), headers))


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", metavar="CXX")
    parser.add_argument("--flag", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    options = parser.parse_args(arguments)
    if options.compile:
        faults = list(header_faults(options.root, options.compile, options.flag, options.jobs))
    else:
        faults = [*layer_faults(options.root), *name_faults(options.root)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
