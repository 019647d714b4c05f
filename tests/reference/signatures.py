"""The signatures of a patch: docs/format/sign.md."""

from __future__ import annotations

import hashlib

import ed25519
from faults import Fault, crc32c

DOMAIN = b"Mallorn patch signature, version 0\0"
BLOCK = 72
MOST = 4


def key_id(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:8]


def split(patch: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Header, signature blocks, body; of a patch whose header is as it should be."""
    at = patch[6]
    end = at + BLOCK * patch[7]
    if len(patch) < end:
        raise Fault("truncated", "signatures")
    return patch[:at], [patch[i:i + BLOCK] for i in range(at, end, BLOCK)], patch[end:]


def message(header: bytes) -> bytes:
    """What is signed."""
    return DOMAIN + header[:7] + b"\0" + header[8:-4]


def with_blocks(header: bytes, blocks: list[bytes], body: bytes) -> bytes:
    head = header[:7] + bytes([len(blocks)]) + header[8:-4]
    return head + crc32c(head).to_bytes(4, "little") + b"".join(blocks) + body


def signed(patch: bytes, seed: bytes) -> bytes:
    """`patch` with one more signature."""
    header, blocks, body = split(patch)
    block = key_id(ed25519.public_key(seed)) + ed25519.sign(seed, message(header))
    return with_blocks(header, [*blocks, block], body)


def is_signed_by(patch: bytes, key: bytes) -> bool:
    header, blocks, _ = split(patch)
    return any(block[:8] == key_id(key) and ed25519.verify(key, message(header), block[8:])
               for block in blocks)
