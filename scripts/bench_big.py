"""scripts/bench --big: speed and memory on one synthetic GGUF pair of a stated size."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import make_big_pair
from bench_cases import UsageError
from bench_measure import Effort, Result, measure_limit, measure_tool
from bench_report import mebibytes
from bench_tools import LIMIT, Tool


def run(size_text: str, tools: list[Tool], with_limit: bool, effort: Effort,
        progress: Callable[[str], None]) -> bool:
    """Prints a table; false when a round trip failed. Files go to $TMPDIR: three times the size."""
    try:
        size_bytes = make_big_pair.parse_size(size_text)
    except ValueError as error:
        raise UsageError(f"--big {size_text}: {error}") from None
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-big-") as folder_name:
        folder = Path(folder_name)
        old, new = folder / "old.gguf", folder / "new.gguf"
        progress(f"making a pair of about {size_text}")
        make_big_pair.make_pair(old, new, size_bytes)
        print(f"synthetic GGUF pair: {old.stat().st_size} and {new.stat().st_size} bytes, "
              f"{effort.threads} threads\n")
        for tool in tools:
            progress(f"{tool.name} on {size_text}")
            results.append(measure_tool(tool, "big", old, new, folder, effort))
        if with_limit:
            progress(f"{LIMIT} on {size_text}")
            results.append(measure_limit("big", old, new, folder, effort))
        progress("")
    print(f"{'tool':14} {'patch':>12} {'% of new':>9} {'diff s':>8} {'MB/s':>7} {'apply s':>8} "
          f"{'MB/s':>7} {'diff MiB':>11} {'apply MiB':>11}")
    for result in results:
        print(line_of(result))
    print("MB/s: size of the new file over the time; MiB: peak resident (mapped files included) / "
          "peak anonymous")
    return all(result.is_ok for result in results)


def line_of(result: Result) -> str:
    if not result.is_ok:
        return f"{result.tool:14} FAILED {result.error}"
    has_patch = result.tool != LIMIT
    return " ".join([
        f"{result.tool:14}",
        f"{result.patch_bytes:12}" if has_patch else f"{'-':>12}",
        f"{100 * result.patch_bytes / result.new_bytes:9.3f}" if has_patch else f"{'-':>9}",
        f"{result.diff.seconds:8.2f} {result.speed(result.diff):7.0f}",
        f"{result.apply.seconds:8.2f} {result.speed(result.apply):7.0f}",
        mebibytes(result.diff.rss_bytes, result.diff.anon_bytes),
        mebibytes(result.apply.rss_bytes, result.apply.anon_bytes)]).rstrip()
