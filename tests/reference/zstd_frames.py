"""Zstandard frames, walked here and decoded by python3-zstandard or the command `zstd`.

Formats: RFC 8878; docs/format/planes.md, section 2; docs/format/patch.md, section 8.
"""

from __future__ import annotations

import shutil
import subprocess

from faults import Fault, Reader

try:
    import zstandard
except ImportError:
    zstandard = None

MAGIC = bytes.fromhex("28 B5 2F FD")
SECTION_HEADER = MAGIC + bytes.fromhex("00 50")  # window of 2^20 bytes, nothing else
MAX_RUN_WINDOW = 1 << 23


class ZstdMissing(Exception):
    """Neither the Python module `zstandard` nor the command `zstd` is here."""


def _walk_blocks(reader: Reader) -> None:
    """Moves behind the block marked last."""
    is_last = 0
    while not is_last:
        header = reader.integer(3)
        is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if kind == 3 or size > 1 << 17:
            raise Fault("corrupt_data", "zstd block")
        reader.take(1 if kind == 1 else size)


def _decompress(frame: bytes, limit: int) -> bytes:
    if zstandard is not None:
        try:
            made = zstandard.ZstdDecompressor().decompressobj().decompress(frame)
        except zstandard.ZstdError as error:
            raise Fault("corrupt_data", f"zstd: {error}") from error
        return made[:limit + 1]
    if shutil.which("zstd") is None:
        raise ZstdMissing("needs the command `zstd` or python3-zstandard")
    done = subprocess.run(["zstd", "-dcq"], input=frame, capture_output=True, check=False)
    if done.returncode != 0:
        raise Fault("corrupt_data", f"zstd: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout[:limit + 1]


def decode_section(coded: bytes, length: int) -> bytes:
    """Codec 1: blocks without frame header that make `length` bytes."""
    if not coded and length == 0:
        return b""
    if not coded or length == 0:
        raise Fault("corrupt_data", "zstd: nothing coded, or nothing to make")
    reader = Reader(coded, short="corrupt_data")
    _walk_blocks(reader)
    if reader.left():
        raise Fault("corrupt_data", "zstd: bytes after the last block")
    made = _decompress(SECTION_HEADER + coded, length)
    if len(made) != length:
        raise Fault("corrupt_data", "zstd: wrong length")
    return made


def decode_run(frame: bytes, length: int) -> bytes:
    """A whole frame; more than `length` bytes are result_mismatch, fewer are for the caller."""
    reader = Reader(frame, short="corrupt_data")
    if reader.take(4) != MAGIC:
        raise Fault("corrupt_data", "not a zstd frame")
    descriptor = reader.integer(1)
    is_single = descriptor >> 5 & 1
    window = 0
    if not is_single:
        byte = reader.integer(1)
        window = (1 << 10 + (byte >> 3)) // 8 * (8 + byte % 8)
    dictionary = reader.integer((0, 1, 2, 4)[descriptor & 3])
    size_bytes = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    size = reader.integer(size_bytes) + (256 if size_bytes == 2 else 0)
    if max(window, size if is_single else 0) > MAX_RUN_WINDOW or dictionary != 0 or descriptor & 8:
        raise Fault("corrupt_data", "zstd frame header")
    _walk_blocks(reader)
    reader.take(4 if descriptor & 4 else 0)
    if reader.left():
        raise Fault("corrupt_data", "bytes after the zstd frame")
    made = _decompress(frame, length)
    if len(made) > length:
        raise Fault("result_mismatch", "the zstd run makes too much")
    return made
