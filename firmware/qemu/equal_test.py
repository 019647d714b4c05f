"""Firmware on emulated processors makes the bytes that mallorn-apply makes.

    equal_test.py TARGET MALLORN [PAIR...]

Applies each vector of profile lite, good and bad, and a patch for each PAIR, a folder with old.* and new.*. Where
MALLORN_MODELS names a folder of pairs, those of less than 700,000 bytes too. A good one must give its bytes, a bad one a
status other than MALLORN_DONE. Exit 0 if so; 77 (skipped) where there is no compiler or emulator for TARGET.
"""
import csv
import hashlib
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from qemu_test import ROOT, build, value_of
sys.path.insert(0, str(ROOT / "scripts"))
from firmware_targets import TARGETS  # noqa: E402

VECTORS = ROOT / "tests/vectors/patch"
# A byte behind the patch: devices read no more than what its header tells of.
NOT_READ = "lite-trailing"
MODEL_LIMIT = 700_000  # bytes of a model that a microcontroller may have


def vectors(side):
    """Name, base, patch and the SHA-256 of the result, or None where there must be none."""
    with open(VECTORS / side / "index.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["pins"].startswith("lite") and row["vector"] != NOT_READ:
                yield (row["vector"], (ROOT / "tests" / row["base"]).read_bytes(),
                       (VECTORS / side / f"{row['vector']}.mlp").read_bytes(), row.get("sha256"))


def pairs(mallorn, named, made):
    """As vectors; `made` is where patches are written."""
    folders = [pathlib.Path(name) for name in named]
    if "MALLORN_MODELS" in os.environ:
        folders += sorted(path.parent for path in pathlib.Path(os.environ["MALLORN_MODELS"]).glob("*/old.*"))
    for folder in folders:
        old, new = next(folder.glob("old.*")), next(folder.glob("new.*"))
        if max(old.stat().st_size, new.stat().st_size) >= MODEL_LIMIT:
            continue
        subprocess.run([mallorn, "diff", "--force", "--profile", "lite", old, new, "-o", made], check=True)
        yield folder.name, old.read_bytes(), made.read_bytes(), hashlib.sha256(new.read_bytes()).hexdigest()


def apply(target, program, folder, base, patch):
    """The SHA-256 of what the device makes, or its status if it is not done."""
    (folder / "base.bin").write_bytes(base)
    (folder / "patch.bin").write_bytes(patch)
    ran = subprocess.run([*target.machine, program], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500)
    status = value_of("status", ran.stdout) if ran.returncode == 0 else f"exit {ran.returncode}"
    made = hashlib.sha256((folder / "result.bin").read_bytes()).hexdigest()
    return made if status == "MALLORN_DONE" else status


def main(name, mallorn, *named):
    target = TARGETS[name]
    if not target.is_there or shutil.which(target.machine[0]) is None:
        print(f"skipped: no {target.prefix}g++ or {target.machine[0]}")
        return 77
    tried, wrong = 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for unused in ("base.bin", "patch.bin", "key.bin"):
            (folder / unused).write_bytes(b"")
        program = build(target, [], "equal", folder)
        for what, base, patch, expected in itertools.chain(
                vectors("good"), vectors("bad"), pairs(mallorn, named, folder / "made.mlp")):
            made = apply(target, program, folder, base, patch)
            is_right = made == expected if expected else made.startswith("MALLORN_E_")
            tried, wrong = tried + 1, wrong + (not is_right)
            print(f"{name}: {what}: {made}" + ("" if is_right else f", expected {expected or 'an error'}"))
    print(f"{tried} patches, {wrong} wrong")
    return 1 if wrong or tried == 0 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
