"""What a hostile fixture is, and how it gets onto a disk."""

import os
import stat
from pathlib import Path
from typing import NamedTuple


class Hole(NamedTuple):
    """A sparse file: `head`, then zeros without disk blocks up to `size` bytes."""

    head: bytes
    size: int


class SymLink(NamedTuple):
    target: str


class HardLink(NamedTuple):
    target: str  # a fixture of the same folder that was written before


class Fifo(NamedTuple):
    pass


class Folder(NamedTuple):
    pass


class ZeroDevice(NamedTuple):
    """A character device that never ends, as /dev/zero; making one needs privileges."""


Content = bytes | Hole | SymLink | HardLink | Fifo | Folder | ZeroDevice


class Fixture(NamedTuple):
    """One line of index.tsv. What `expect` and `flags` mean is in tests/hostile/README.md."""

    file: str  # path below the output folder; begins with the two-digit class
    format: str  # gguf, tflite, onnx or any
    what: str
    content: Content
    expect: str = "opaque"
    flags: str = "-"

    def index_line(self, written: bool) -> str:
        flags = self.flags if written else f"{self.flags},absent".removeprefix("-,")
        return "\t".join((self.file, str(int(self.file[:2])), self.format, self.what,
                          self.expect, flags)) + "\n"


INDEX_HEADING = "file\tclass\tformat\twhat\texpect\tflags\n"


def write(fixture: Fixture, folder: Path) -> bool:
    """False if this file system or this user cannot hold such a thing."""
    path = folder / fixture.file
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(fixture.content, bytes):
        path.write_bytes(fixture.content)
        return True
    try:
        write_special(fixture.content, path)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def write_special(content: Content, path: Path) -> None:
    if isinstance(content, Hole):
        with path.open("wb") as file:
            file.write(content.head)
            file.truncate(content.size)
    elif isinstance(content, SymLink):
        path.symlink_to(content.target)
    elif isinstance(content, HardLink):
        os.link(path.parent / content.target, path)
    elif isinstance(content, Fifo):
        os.mkfifo(path)
    elif isinstance(content, Folder):
        path.mkdir()
    elif isinstance(content, ZeroDevice):
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
