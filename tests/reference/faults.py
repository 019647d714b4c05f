"""What a reader refuses, under the names of docs/errors.md; and the integers that all formats share."""

from __future__ import annotations


class Fault(Exception):
    """Input that must be refused."""

    def __init__(self, status: str, reason: str = "") -> None:
        super().__init__(f"{reason} [{status}]" if reason else f"[{status}]")
        self.status = status


class Reader:
    """Takes bytes off the front of `data`; what is not there is `short`."""

    def __init__(self, data: bytes, short: str = "truncated") -> None:
        self.data, self.at, self.short = data, 0, short

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        if count > self.left():
            raise Fault(self.short, "ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def integer(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def varint(self, malformed: str = "malformed") -> int:
        value = 0
        for i in range(10):
            byte = self.integer(1)
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if value >= 1 << 64:
                    break
                return value
        raise Fault(malformed, "varint")


def _crc_table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """CRC-32C; 0x82F63B78 is the polynomial 0x1EDC6F41 with its bits in reverse."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def refuse(is_wrong: bool, what: str) -> None:
    if is_wrong:
        raise Fault("corrupt_data", what)
