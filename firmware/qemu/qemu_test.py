"""Runs the demonstration on an emulated device: a signed patch of profile lite, a real model.

    qemu_test.py TARGET MALLORN OLD NEW [OPTION...]

OPTIONs are those of mallorn diff: with --in-place the device has one slot. -DNAME is one of firmware/:
the device is compiled so. --cuts: it resets again and again in the middle of the update (cuts.c).
--apply: it has none but mallorn_apply() (apply.c). --moved: the new model begins with so many bytes more than
NEW, so that all of it lies behind where it was; a journal keeps that from being overwritten too early.

The patch is made and signed by the front end, with a key of its own. The device must end up
with NEW: it prints the SHA-256 that it has found, and its stack stays within its limits. Exit 0 if
so; 77 (skipped) where there is no compiler or emulator for the target.
"""
import base64
import dataclasses
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from firmware_targets import BOARDS, DECODER, TARGETS, firmware_sources  # noqa: E402

SIGNATURE_STACK = 320  # limit, in bytes; that of streaming is the target's


def make_patch(mallorn, old, new, options, folder):
    """A signed patch, and the raw public key."""
    def run(*arguments):
        subprocess.run([mallorn, *map(str, arguments)], check=True)
    made, signed, name = folder / "made.mlp", folder / "signed.mlp", folder / "device"
    run("diff", "--profile", "lite", *options, old, new, "-o", made)
    run("keygen", name)
    run("sign", "--key", f"{name}.key", made, "-o", signed)
    pem = pathlib.Path(f"{name}.pub").read_text(encoding="ascii").splitlines()
    der = base64.b64decode("".join(line for line in pem if not line.startswith("-")))
    return signed.read_bytes(), der[-32:]


def build(target, defined, program, folder):
    target = dataclasses.replace(target, flags=(*target.flags, *defined))
    sources = [*firmware_sources(), *DECODER, f"firmware/qemu/{program}.c", "firmware/qemu/runtime.c",
               "firmware/qemu/files.S", f"firmware/qemu/{target.startup}",
               *[f"firmware/qemu/{source}" for source in target.board], f"firmware/ports/{target.port}"]
    objects = [folder / (source.replace("/", "_") + ".o") for source in sources]
    for source, made in zip(sources, objects):
        target.compile(source, made)
    linked = folder / "demo.elf"
    target.link(objects, ROOT / "firmware/qemu" / target.script, linked)
    return linked


def value_of(name, output):
    found = re.search(rf"^{name}: (\w+)$", output, re.MULTILINE)
    if found is None:
        sys.exit(f"no {name} in: {output}")
    return found[1]


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(name, mallorn, old, new, *options):
    target = (TARGETS | BOARDS)[name]
    if not target.is_there or shutil.which(target.machine[0]) is None:
        print(f"skipped: no {target.prefix}g++ or {target.machine[0]}")
        return 77
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        defined = [option for option in options if option.startswith("-D")]
        moved = sum(int(option.split("=")[1]) for option in options if option.startswith("--moved="))
        is_cut, is_applied = "--cuts" in options, "--apply" in options
        of_diff = [option for option in options
                   if option not in defined and not re.match("--(cuts|apply|moved)", option)]
        content = pathlib.Path(new).read_bytes()
        result = folder / "result.bin"
        result.write_bytes(content[:moved] + content)
        signed, key = make_patch(mallorn, old, result if moved else new, of_diff, folder)
        (folder / "base.bin").write_bytes(pathlib.Path(old).read_bytes())
        (folder / "patch.bin").write_bytes(signed)
        (folder / "key.bin").write_bytes(key)
        program = build(target, defined, "cuts" if is_cut else "apply" if is_applied else "demo", folder)
        ran = subprocess.run([*target.machine, program], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=500)
        print(f"{name}: exit {ran.returncode}, patch of {len(signed)} bytes\n{ran.stdout}")
        if ran.returncode != 0 or value_of("sha256", ran.stdout) != digest_of(result):
            return 1
        if is_cut:
            return 0 if int(value_of("cuts", ran.stdout)) > 10 else 1
        limits = {"stack, streaming": target.streaming_stack}
        if not is_applied:
            limits |= {"work": 1024, "stack, signature": SIGNATURE_STACK}
        return 0 if all(int(value_of(what, ran.stdout)) <= limit for what, limit in limits.items()) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
