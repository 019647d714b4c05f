"""Runs the demonstration on an emulated device: a signed patch of profile lite, a real model.

    qemu_test.py TARGET MALLORN OPENSSL OLD NEW

The patch is made by the front end, and signed with a key that is made here. The device must end up
with NEW: it prints the SHA-256 that it has found, and its stack stays within its limits. Exit 0 if
so; 77 (skipped) where there is no compiler or emulator for the target.
"""
import hashlib
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from firmware_targets import DECODER, TARGETS, firmware_sources  # noqa: E402

DOMAIN = b"Mallorn patch signature, version 0\0"
# Limits of the stack, in bytes. That of streaming is where it stands; the aim is 256.
SIGNATURE_STACK = 512
STREAMING_STACK = 448


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sign(patch, folder, openssl):
    """The patch with a signature (docs/format/sign.md), and the public key."""
    def run(*arguments):
        subprocess.run([openssl, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    key, public, message, signature = (folder / name for name in ("key", "pub", "msg", "sig"))
    run("genpkey", "-algorithm", "ed25519", "-outform", "DER", "-out", key)
    run("pkey", "-inform", "DER", "-in", key, "-pubout", "-outform", "DER", "-out", public)
    raw_key = public.read_bytes()[-32:]
    header = bytearray(patch[:patch[6]])
    header[7] = 0
    message.write_bytes(DOMAIN + header[:-4])
    run("pkeyutl", "-sign", "-rawin", "-inkey", key, "-keyform", "DER", "-in", message, "-out",
        signature)
    header[7] = 1
    header[-4:] = struct.pack("<I", crc32c(header[:-4]))
    block = hashlib.sha256(raw_key).digest()[:8] + signature.read_bytes()
    return bytes(header) + block + patch[len(header):], raw_key


def build(target, folder):
    sources = [*firmware_sources(), *DECODER, "firmware/qemu/demo.c", "firmware/qemu/runtime.c",
               "firmware/qemu/files.S", f"firmware/qemu/{target.startup}",
               f"firmware/qemu/{target.board}", f"firmware/ports/{target.port}"]
    objects = [folder / (source.replace("/", "_") + ".o") for source in sources]
    for source, made in zip(sources, objects):
        target.compile(source, made)
    program = folder / "demo.elf"
    target.link(objects, ROOT / "firmware/qemu" / target.script, program)
    return program


def value_of(name, output):
    found = re.search(rf"^{name}: (\w+)$", output, re.MULTILINE)
    if found is None:
        sys.exit(f"no {name} in: {output}")
    return found[1]


def main(name, mallorn, openssl, old, new):
    target = TARGETS[name]
    if not target.is_there or shutil.which(target.machine[0]) is None:
        print(f"skipped: no {target.prefix}g++ or {target.machine[0]}")
        return 77
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        patch = folder / "made.mlp"
        subprocess.run([mallorn, "diff", "--profile", "lite", old, new, "-o", patch], check=True)
        signed, key = sign(patch.read_bytes(), folder, openssl)
        (folder / "base.bin").write_bytes(pathlib.Path(old).read_bytes())
        (folder / "patch.bin").write_bytes(signed)
        (folder / "key.bin").write_bytes(key)
        program = build(target, folder)
        result = subprocess.run([*target.machine, program], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=500)
        print(f"{name}: exit {result.returncode}, patch of {len(signed)} bytes\n{result.stdout}")
        if result.returncode != 0:
            return 1
        expected = hashlib.sha256(pathlib.Path(new).read_bytes()).hexdigest()
        return 0 if (value_of("sha256", result.stdout) == expected and
                     int(value_of("work", result.stdout)) <= 1024 and
                     int(value_of("stack, signature", result.stdout)) <= SIGNATURE_STACK and
                     int(value_of("stack, streaming", result.stdout)) <= STREAMING_STACK) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
