"""The signatures of tests/vectors/sign/ed25519.tsv, with verdicts that were set down by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import ed25519
from ed25519 import L, P, encode, times

# RFC 8032, section 7.1: secret key, public key, message, signature.
RFC = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"),
    ("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     hashlib.sha512(b"abc").hexdigest(),
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
     "3dca179c138ac17ad9bef1177331a704"),
]
SEED = bytes.fromhex(RFC[0][0])
MESSAGE = b"Mallorn"


@dataclass
class SignCase:
    name: str
    key: bytes
    message: bytes
    signature: bytes
    verdict: str
    what: str


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


def order_8() -> ed25519.Point:
    """A point of order 8: any point times L has an order that divides 8."""
    y = 2
    while True:
        y += 1
        point = ed25519.decode(number(y))
        if point is not None and times(4, made := times(L, point)) != ed25519.ZERO:
            return made


def with_nonce(point: ed25519.Point, nonce: int, key: bytes, scalar: int) -> bytes:
    """The signature whose R is `point` + nonce B; right if what `point` adds does not matter."""
    r = encode(ed25519.add(point, times(nonce, ed25519.BASE)))
    k = ed25519.sha512_number(r, key, MESSAGE)
    return r + number((nonce + k * scalar) % L)


def altered() -> Iterator[SignCase]:
    key, good = ed25519.public_key(SEED), ed25519.sign(SEED, MESSAGE)
    r, s = good[:32], int.from_bytes(good[32:], "little")

    def case(name: str, signature: bytes, what: str) -> SignCase:
        return SignCase(name, key, MESSAGE, signature, "bad", what)

    yield SignCase("unaltered", key, MESSAGE, good, "good", "what the cases below alter")
    yield SignCase("other-message", key, MESSAGE + b"\0", good, "bad", "one byte more")
    yield SignCase("other-key", ed25519.public_key(bytes(32)), MESSAGE, good, "bad", "")
    yield case("all-zero", bytes(64), "R is of order 4, S is 0")
    yield case("r-bit", bytes([good[0] ^ 1]) + good[1:], "the first bit of R")
    yield case("r-sign", r[:31] + bytes([r[31] ^ 0x80]) + good[32:], "R is its own negative")
    yield case("s-bit", good[:32] + bytes([good[32] ^ 1]) + good[33:], "the first bit of S")
    yield case("s-zero", r + number(0), "")
    yield case("s-negative", r + number(L - s), "")
    yield case("s-plus-l", r + number(s + L), "right but for L: not malleable")
    yield case("s-plus-8l", r + number(s + 8 * L), "bits above those of L")
    yield case("s-is-l", r + number(L), "")
    yield case("s-all-ones", r + b"\xFF" * 32, "")
    yield case("s-high-bits", good[:63] + bytes([good[63] | 0xE0]), "the bits that old verifiers looked at")
    yield case("swapped", good[32:] + r, "S, then R")


def small_order() -> Iterator[SignCase]:
    """Keys and R that anyone could have made a signature for."""
    torsion = order_8()
    points = [times(i, torsion) for i in range(8)]
    for i, point in enumerate(points):
        order = next(n for n in (1, 2, 4, 8) if times(n, point) == ed25519.ZERO)
        key = encode(point)
        # R = [S]B - [k]A: where 8 divides k, A adds nothing. Otherwise choose R until it fits.
        for nonce in range(1, 1000):
            signature = with_nonce(ed25519.ZERO, nonce, key, 0)
            k = ed25519.sha512_number(signature[:32], key, MESSAGE) % L
            if times(k, point) == ed25519.ZERO:
                break
        yield SignCase(f"key-order-{order}-{i}", key, MESSAGE, signature, "bad",
                       "the equation holds, but the key fits any message")
    key, scalar = ed25519.public_key(SEED), ed25519.secret_parts(SEED)[0]
    yield SignCase("r-is-zero", key, MESSAGE, with_nonce(ed25519.ZERO, 0, key, scalar), "good",
                   "R of order 1, made by the owner of the key: harms no one")
    for i in (1, 2, 4):
        yield SignCase(f"r-small-order-{i}", key, MESSAGE, with_nonce(points[i], 0, key, scalar), "bad",
                       "right only for those who multiply by 8")
        yield SignCase(f"r-plus-small-order-{i}", key, MESSAGE, with_nonce(points[i], 5, key, scalar), "bad",
                       "right only for those who multiply by 8")
    yield from mixed_order(points[1], scalar)


def mixed_order(point: ed25519.Point, scalar: int) -> Iterator[SignCase]:
    """A key with a part of order 8; the verdict hangs on what k makes of it."""
    key = encode(ed25519.add(point, times(scalar, ed25519.BASE)))
    found: dict[bool, bytes] = {}
    nonce = 0
    while len(found) < 2:
        nonce += 1
        signature = with_nonce(ed25519.ZERO, nonce, key, scalar)
        k = ed25519.sha512_number(signature[:32], key, MESSAGE) % L
        found.setdefault(k % 8 == 0, signature)
    yield SignCase("key-mixed-order", key, MESSAGE, found[True], "good",
                   "k mod L is a multiple of 8: the part of order 8 is gone")
    yield SignCase("key-mixed-order-left", key, MESSAGE, found[False], "bad",
                   "k mod L is not: right only for those who multiply by 8")


def encodings() -> Iterator[SignCase]:
    """Points written in a second way, and what is no point."""
    zero_again = number(P + 1)  # y = 1
    key, scalar = ed25519.public_key(SEED), ed25519.secret_parts(SEED)[0]

    def by_equation(key: bytes, r: bytes) -> bytes:
        """R is the point zero, and A as well: any S = 0 fits."""
        return r + number(0)

    one = encode(ed25519.ZERO)
    yield SignCase("key-y-plus-p", zero_again, MESSAGE, by_equation(zero_again, one), "bad",
                   "y = p + 1, of order 1")
    negative_zero = number(1 | 1 << 255)
    yield SignCase("key-negative-zero", negative_zero, MESSAGE, by_equation(negative_zero, one), "bad",
                   "x = 0 with its sign set")
    negative_order_2 = number(P - 1 | 1 << 255)
    yield SignCase("key-negative-zero-2", negative_order_2, MESSAGE, by_equation(negative_order_2, one), "bad",
                   "x = 0 with its sign set, y = -1")
    for y in range(P, 1 << 255):
        if ed25519.decode(number(y - P)) is not None and times(8, ed25519.decode(number(y - P))) != ed25519.ZERO:
            break
    large = number(y)
    yield SignCase("key-y-is-large", large, MESSAGE, one + number(0), "bad",
                   f"y = p + {y - P}, of large order")
    yield SignCase("key-all-ones", b"\xFF" * 32, MESSAGE, one + number(0), "bad", "")
    y = next(y for y in range(2, 99) if ed25519.decode(number(y)) is None)
    yield SignCase("key-no-point", number(y), MESSAGE, one + number(0), "bad", f"no point has y = {y}")
    k = ed25519.sha512_number(zero_again, key, MESSAGE)
    yield SignCase("r-y-plus-p", key, MESSAGE, zero_again + number(k * scalar % L), "bad",
                   "R of order 1 with y = p + 1")
    k = ed25519.sha512_number(negative_zero, key, MESSAGE)
    yield SignCase("r-negative-zero", key, MESSAGE, negative_zero + number(k * scalar % L), "bad",
                   "R of order 1 with the sign of x set")
    yield SignCase("r-no-point", key, MESSAGE, number(y) + number(1), "bad", f"no point has y = {y}")


def cases() -> Iterator[SignCase]:
    for i, (seed, key, message, signature) in enumerate(RFC):
        made = SignCase(f"rfc8032-{i + 1}", *map(bytes.fromhex, (key, message, signature)), "good", "RFC 8032, 7.1")
        assert ed25519.sign(bytes.fromhex(seed), made.message) == made.signature
        yield made
    long = bytes(range(256)) * 4
    yield SignCase("long", ed25519.public_key(SEED), long, ed25519.sign(SEED, long), "good", "1,024 bytes")
    for length in (47, 48, 63, 64, 111, 112, 127, 128, 241, 245):
        text = bytes(i % 251 for i in range(length))
        yield SignCase(f"length-{length}", ed25519.public_key(SEED), text, ed25519.sign(SEED, text), "good",
                       "where blocks of SHA-512 begin, and the longest message of a patch")
    yield from altered()
    yield from small_order()
    yield from encodings()


HEADING = ["name", "public key", "message", "signature", "verdict", "what"]


def table() -> str:
    lines = [HEADING]
    lines += [[case.name, case.key.hex(), case.message.hex(), case.signature.hex(), case.verdict, case.what]
              for case in cases()]
    return "".join("\t".join(line) + "\n" for line in lines)
