#!/usr/bin/env python3
"""Writes the tiny models of tests/vectors/models byte by byte, and lists their tensors.

    make_models.py            write them
    make_models.py --check    write nothing; exit 1 if a file differs, is missing or is extra

`ranges.tsv` says where each tensor's bytes are. It is not what the writers believe: each
payload is searched for in the finished file, and must be found exactly once.
"""

import argparse
import sys
from pathlib import Path

import tiny_gguf
import tiny_onnx
import tiny_tflite
from model_writers.values import Made, Stored

MODELS = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "models"
HEADING = "model\tfile\ttensor\ttype\tdims\thow\toffset\tlength\n"


def place(file: bytes, tensor: Stored, model: str) -> int:
    at = file.find(tensor.payload)
    if at < 0 or file.find(tensor.payload, at + 1) >= 0:
        raise SystemExit(f"{model}: tensor {tensor.name!r} is not stored exactly once")
    return at


def ranges(models: dict[str, Made]) -> str:
    lines = [HEADING]
    for model, made in sorted(models.items()):
        for tensor in made.tensors:
            file = made.side_files[tensor.side_file] if tensor.side_file else made.file
            dims = "x".join(map(str, tensor.dims)) or "-"
            lines.append(f"{model}\t{tensor.side_file or model}\t{tensor.name}\t{tensor.type}"
                         f"\t{dims}\t{tensor.how}\t{place(file, tensor, model)}"
                         f"\t{len(tensor.payload)}\n")
    return "".join(lines)


def all_files() -> dict[str, bytes]:
    """Name -> content of everything under tests/vectors/models except README.md."""
    models = {**tiny_gguf.models(), **tiny_tflite.models(), **tiny_onnx.models()}
    files = {name: made.file for name, made in models.items()}
    for made in models.values():
        files.update(made.side_files)
    files["ranges.tsv"] = ranges(models).encode()
    return files


def differences(files: dict[str, bytes], folder: Path) -> list[str]:
    present = {path.name for path in folder.iterdir()} - {"README.md"}
    wrong = [f"{name}: not written by this script" for name in present - files.keys()]
    for name, content in files.items():
        if name not in present:
            wrong.append(f"{name}: missing")
        elif (folder / name).read_bytes() != content:
            wrong.append(f"{name}: differs")
    return sorted(wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description="write the tiny models, or check them")
    parser.add_argument("--check", action="store_true", help="compare, never write")
    parser.add_argument("-o", "--output", type=Path, default=MODELS, metavar="DIR")
    options = parser.parse_args()
    files = all_files()
    if options.check:
        wrong = differences(files, options.output)
        for line in wrong:
            print(f"make_models.py: error: {line}", file=sys.stderr)
        return 1 if wrong else 0
    options.output.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (options.output / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
