"""What the tests of updates in place share."""

from __future__ import annotations

import os
import random

from pipelines import PipelineTest

BLOCK = 80 << 10


def shuffled_pair() -> tuple[bytes, bytes]:
    """Blocks change places in a circle, one stays, one changes a little, one is new."""
    blocks = [random.Random(i).randbytes(BLOCK) for i in range(6)]
    changed = bytearray(blocks[4])
    changed[1000:1010] = b"0123456789"
    new = [blocks[2], blocks[0], blocks[1], blocks[3], bytes(changed), b"and more", blocks[5]]
    return b"".join(blocks), b"".join(new)


class InPlaceTest(PipelineTest):
    """A model in a folder of its own, and a patch for it elsewhere."""

    def setUp(self) -> None:
        super().setUp()
        self.model = self.home / "model"
        self.journal = self.home / "model.journal"
        self.patch = self.home.parent / "patch"
        self.line = ("mallorn", "patch", "-q", "--in-place", "model", self.patch)
        self.undo = (*self.line, "--undo")

    def use(self, pair: tuple[bytes, bytes], *options: object) -> None:
        self.old, self.new = pair
        for name, content in zip(("old", "new"), pair):
            (self.home.parent / name).write_bytes(content)
        self.succeed("mallorn", "diff", "-q", "--force", *options, self.home.parent / "old",
                     self.home.parent / "new", "-o", self.patch)
        self.model.write_bytes(self.old)

    def assert_new(self) -> None:
        self.assertEqual(self.model.read_bytes(), self.new)
        self.assertEqual(os.listdir(self.home), ["model"])

    def assert_old(self) -> None:
        self.assertEqual(self.model.read_bytes(), self.old)
        self.assertEqual(os.listdir(self.home), ["model"])
