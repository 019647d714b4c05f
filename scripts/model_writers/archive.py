"""A ZIP archive of stored (not deflated) files, with every directory number open to lies.

Module zipfile would do for good archives, but cannot write wrong ones.
"""

import struct
import zlib


def local_file(name: bytes, data: bytes, dos_time: int = 0x5A21_0000) -> bytes:
    return struct.pack("<IHHHIIIIHH", 0x04034B50, 20, 0, 0, dos_time, zlib.crc32(data),
                       len(data), len(data), len(name), 0) + name + data


def central_entry(name: bytes, data: bytes, offset: int, dos_time: int = 0x5A21_0000) -> bytes:
    return struct.pack("<IHHHHIIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, dos_time,
                       zlib.crc32(data), len(data), len(data), len(name), 0, 0, 0, 0, 0,
                       offset) + name


def end_record(entries: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, entries, entries, size, offset,
                       len(comment)) + comment


def zip_archive(files: list[tuple[str, bytes]], base: int, comment: bytes = b"",
            dos_time: int = 0x5A21_0000) -> bytes:
    """An archive to be appended at offset `base`; its offsets count from the file start."""
    body, directory = bytearray(), bytearray()
    for name, data in files:
        directory += central_entry(name.encode(), data, base + len(body), dos_time)
        body += local_file(name.encode(), data, dos_time)
    return bytes(body + directory) + end_record(len(files), len(directory),
                                                base + len(body), comment)
