#!/usr/bin/env python3
"""Checks that core code needs nothing but a compiler: no library, no heap, no globals.

    check_freestanding.py [--nm NM] OBJECT-OR-ARCHIVE...
    check_freestanding.py --compiler CXX [--nm NM] [--flag=FLAG]... -- SOURCE...

Without --compiler the given objects are looked at. With it, each SOURCE is compiled first, as firmware
would. Allowed to stay undefined: memcpy, memmove, memset, memcmp, and helpers the compiler itself calls
for arithmetic its target lacks. Exit 0 if all is well, 1 with one line for each fault, 77 (skipped) if
there is no such compiler.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLAGS = ["-std=c++20", "-Os", "-ffreestanding", "-fno-exceptions", "-fno-rtti",
         "-fno-threadsafe-statics", "-fno-stack-protector", "-Wall", "-Wextra", "-Wconversion",
         "-Wno-sign-conversion", "-Werror"]
ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "_GLOBAL_OFFSET_TABLE_"}
# Arithmetic of libgcc: __aeabi_* on Arm, __udivdi3 and its kin elsewhere.
HELPER = re.compile(r"__aeabi_\w+|__\w+[dst]i[234]|__gnu_thumb1_\w+")
# Of nm: symbols in .data and .bss, which would be globals.
WRITABLE = "BbDdCGgSs"
INITIALISER = re.compile(r"_GLOBAL__(sub_)?[ID]_|__cxx_global_var_init")


def symbols(nm, path):
    """(member, name, type) of every symbol."""
    output = subprocess.run([nm, "-P", "-A", str(path)], stdout=subprocess.PIPE, check=True, text=True)
    for line in output.stdout.splitlines():
        member, _, rest = line.partition(": ")
        name, kind = rest.split()[:2]
        yield member, name, kind


def faults_of(nm, paths):
    found = [symbol for path in paths for symbol in symbols(nm, path)]
    defined = {name for _, name, kind in found if kind not in "Uw"}
    for member, name, kind in found:
        if kind in "Uw" and name not in defined | ALLOWED and not HELPER.fullmatch(name):
            yield f"{member}: needs {name}"
        if kind in WRITABLE:
            yield f"{member}: has a global, {name}"
        if INITIALISER.match(name):
            yield f"{member}: runs code before main, {name}"
    if not found:
        yield f"{paths[0] if paths else 'nothing'}: no symbols at all"


def compile_all(compiler, flags, sources, folder):
    objects = []
    for number, source in enumerate(sources):
        objects.append(folder / f"{number}-{pathlib.Path(source).stem}.o")
        subprocess.run([compiler, *FLAGS, *flags, f"-I{ROOT}", "-c", source, "-o", objects[-1]],
                       check=True)
    return objects


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler")
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--flag", action="append", default=[])
    parser.add_argument("files", nargs="+")
    options = parser.parse_args(arguments)
    for tool in filter(None, (options.compiler, options.nm)):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool}")
            return 77
    with tempfile.TemporaryDirectory() as folder:
        paths = options.files
        if options.compiler:
            try:
                paths = compile_all(options.compiler, options.flag, paths, pathlib.Path(folder))
            except subprocess.CalledProcessError:
                return 1  # the compiler has said why
        faults = list(faults_of(options.nm, paths))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
