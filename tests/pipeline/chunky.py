"""A pair of models whose patch has several chunks, and is applied fast."""

from __future__ import annotations

import random

from pipelines import PipelineTest  # also finds the modules of scripts/
from model_writers.gguf import STRING, GgufWriter

F32 = 0  # GGUF's number for it
NEAR_ONE = b"\x3c"


def weights(seed: int, length: int) -> bytearray:
    """Bytes of floats of one magnitude."""
    data = bytearray(random.Random(seed).randbytes(length))
    data[3::4] = NEAR_ONE * (length // 4)
    return data


def moved(data: bytearray, seed: int) -> bytearray:
    """The same with the lowest byte of each float anew."""
    made = bytearray(data)
    made[0::4] = random.Random(seed).randbytes(len(data) // 4)
    return made


def model(tensors: dict[str, bytes], note: str = "") -> bytes:
    writer = GgufWriter()
    writer.key("general.architecture", STRING, "llama")
    writer.key("general.description", STRING, note)
    for name, data in tensors.items():
        writer.tensor(name, F32, [len(data) // 4], bytes(data))
    return writer.build()


def chunky_pair(megabytes: int = 3) -> tuple[bytes, bytes]:
    """Old and new model; the tensors move, and all of their elements change a little."""
    old = {f"t{i}": weights(i, 1 << 20) for i in range(megabytes)}
    new = {name: moved(data, 100 + i) for i, (name, data) in enumerate(old.items())}
    return model(old), model(new, "longer than before")


class ChunkyTest(PipelineTest):
    """Such a pair, and its patch, beside the folder that tests are run in."""

    megabytes = 3

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.models = chunky_pair(cls.megabytes)

    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = self.home.parent / "old", self.home.parent / "new"
        for path, content in zip((self.old, self.new), self.models):
            path.write_bytes(content)
        self.patch = self.home.parent / "patch"
        self.succeed("mallorn", "diff", "-q", "--fast", self.old, self.new, "-o", self.patch)
