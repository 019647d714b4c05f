"""Shows outcomes: tables for people, TSV and JSON for programs. No figure is computed here."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from bench_measure import Result
from bench_outcome import (FAST_FILE_BYTES, LiteMean, Outcome, SizeMean, lite_mean, max_means,
                           plain_means, ratios, size_means, speed_means)
from bench_targets import Reached, reached
from bench_tools import LIMIT, LITE, MAX, OURS, PLAIN

HEAD = (f"{'case / tool':34} {'patch':>10} {'% of new':>9} {'x best':>7} {'x plain':>7} "
        f"{'diff s':>8} {'MB/s':>6} {'x best':>7} {'apply s':>8} {'MB/s':>6} {'x best':>7} "
        f"{'diff MiB':>11} {'apply MiB':>11}")

COLUMNS = ["case", "format", "kind", "old_bytes", "new_bytes", "tool", "source", "is_best_peer",
           "error", "patch_bytes", "counted_bytes", "percent", "diff_seconds", "apply_seconds",
           "diff_rss_bytes", "diff_anon_bytes", "apply_rss_bytes", "apply_anon_bytes",
           "size_ratio", "diff_time_ratio", "apply_time_ratio", "diff_memory_ratio",
           "apply_memory_ratio", "plain_ratio", "diff_mb_per_s", "apply_mb_per_s"]


def print_head(settings: dict, tools: dict[str, str], missing: list[str]) -> None:
    for name, setting in tools.items():
        print(f"{name:14} {setting}")
    if missing:
        print(f"not installed: {', '.join(missing)}")
    place = " on one core" if settings["one_core"] else ""
    print(f"threads {settings['threads']}{place}, best of {settings['diff_repeats']} diff and "
          f"{settings['apply_repeats']} apply runs, digest allowance "
          f"{settings['digest_allowance']} bytes added to each peer's patch")
    print("x best: over the best peer of the case, the one with the smallest patch; times and "
          "memory: the best that ran here")
    print(f"x plain: over the row {PLAIN}, where it ran; MB/s: 10^6 bytes of the new model, start of "
          "the programs included")
    print("MiB: peak resident (sum over processes, mapped files included) / peak anonymous\n")
    print(HEAD)


def print_outcome(outcome: Outcome, show_all: bool) -> None:
    print(f"{outcome.case.name} ({outcome.case.new_bytes} bytes)")
    best, best_run = outcome.best_peer, outcome.best_run_peer
    for result in sorted(outcome.results, key=rank):
        # A tool that failed or is wrong is always shown.
        if show_all or not result.is_ok or result.tool in (OURS, MAX) or result in (best, best_run):
            print(line_of(outcome, result, "best" if result is best else ""))


def rank(result: Result) -> tuple:
    place = {OURS: 0, MAX: 1, LIMIT: 3}.get(result.tool, 2)
    return place, not result.is_ok, result.counted_bytes, result.tool


def line_of(outcome: Outcome, result: Result, mark: str) -> str:
    name = f"  {result.tool}" + (" (list)" if result.source == "list" else "")
    if not result.is_ok:
        return f"{name:34} FAILED {result.error}"
    ratio = ratios(outcome, result)
    has_patch = result.tool != LIMIT
    return " ".join([
        f"{name:28} {mark:5}",
        f"{result.counted_bytes if has_patch else '-':>10}",
        f"{f'{result.percent:.3f}' if has_patch else '-':>9}",
        f"{times(ratio['size'])} {times(ratio['plain'])}",
        f"{seconds(result.diff.seconds)} {speed(result.speed(result.diff))}",
        f"{times(ratio['diff_time'])}",
        f"{seconds(result.apply.seconds)} {speed(result.speed(result.apply))}",
        f"{times(ratio['apply_time'])}",
        f"{mebibytes(result.diff.rss_bytes, result.diff.anon_bytes)}",
        f"{mebibytes(result.apply.rss_bytes, result.apply.anon_bytes)}"]).rstrip()


def seconds(value: float) -> str:
    return f"{value:8.3f}" if value else f"{'-':>8}"


def speed(value: float | None) -> str:
    if value is None:
        return f"{'-':>6}"
    return f"{value:6.1f}" if value < 100 else f"{value:6.0f}"


def times(value: float | None) -> str:
    if value is None:
        return f"{'-':>7}"
    return f"{value:7.3f}" if value < 100 else f"{value:7.0f}"


def mebibytes(rss_bytes: int, anon_bytes: int) -> str:
    if not rss_bytes:
        return f"{'-':>11}"
    return f"{rss_bytes / 2**20:5.0f}/{anon_bytes / 2**20:<5.0f}"


def print_summary(outcomes: list[Outcome]) -> None:
    print_means(OURS, "the best peer's", size_means(outcomes))
    print_means(OURS, f"the plain tensor baseline's ({PLAIN})", plain_means(outcomes))
    print_means(MAX, f"that of {OURS}", max_means(outcomes))
    print_lite(lite_mean(outcomes))
    print_targets(reached(outcomes))
    speeds = speed_means(outcomes)
    if speeds:
        print(f"\n{OURS} time over the peer's, files over {FAST_FILE_BYTES} bytes, geometric mean")
    for speed in speeds:
        print(f"  {speed.peer:18} {speed.pairs:3} pairs   diff {speed.diff_mean:.3f} (faster in "
              f"{speed.diff_faster})   apply {speed.apply_mean:.3f} (faster in "
              f"{speed.apply_faster})")
    failed = [f"{o.case.name}: {r.tool}: {r.error}"
              for o in outcomes for r in o.results if not r.is_ok]
    if failed:
        print(f"\nfailed round trips: {len(failed)}")
        print("\n".join(f"  {line}" for line in failed))


def print_means(tool: str, other: str, means: list[SizeMean]) -> None:
    if means:
        print(f"\n{tool} patch over {other}, geometric mean")
    for mean in means:
        print(f"  {mean.name:18} {mean.pairs:3} pairs {mean.mean:7.3f}   not larger in "
              f"{mean.not_larger:3}   worst {mean.worst:.3f} {mean.worst_case}")


def print_lite(mean: LiteMean | None) -> None:
    if mean:
        print(f"\n{LITE} patch over {OURS}'s, geometric mean\n"
              f"  {'all pairs':18} {mean.pairs:3} pairs {mean.mean:7.3f}   smaller than every peer "
              f"for small devices in {mean.smaller} of {mean.rivals}   worst {mean.worst:.3f} "
              f"{mean.worst_case}")


def print_targets(lines: list[Reached]) -> None:
    if not lines:
        return
    print(f"\nbits per weight, whole patch and weights alone; target kept in "
          f"{sum(line.holds for line in lines)} of {len(lines)} pairs")
    print(f"  {'type':6} {'update':10} {'patch':>9} {'weights':>9} {'target':>9} {'x target':>9} {'floor':>9} "
          f"{'diff MB/s':>10} {'apply MB/s':>11}")
    for line in lines:
        weights = f"{'-':>9}" if line.weight_bits is None else f"{line.weight_bits:9.4f}"
        floor = f"{'-':>9}" if line.floor_bits is None else f"{line.floor_bits:9.4f}"
        print(f"  {line.type:6} {line.update:10} {line.patch_bits:9.4f} {weights} "
              f"{line.target_bits:9.4f} {line.patch_bits / line.target_bits:9.3f} {floor} "
              f"{speed(line.diff_mb_per_s):>10} {speed(line.apply_mb_per_s):>11}"
              f"{'' if line.holds else '   over'}{', as the floor is' if line.is_unreachable else ''}")


def rows(outcomes: list[Outcome]) -> Iterator[dict]:
    for outcome in outcomes:
        case = outcome.case
        for result in sorted(outcome.results, key=rank):
            row = {
                "case": case.name, "format": case.format, "kind": case.kind,
                "old_bytes": case.old.stat().st_size, "new_bytes": case.new_bytes,
                "tool": result.tool, "source": result.source,
                "is_best_peer": int(result is outcome.best_peer), "error": result.error}
            if result.is_ok:
                row |= figures(outcome, result)
            yield {column: row.get(column) for column in COLUMNS}


def figures(outcome: Outcome, result: Result) -> dict:
    """Values that were not measured are None: a reader must not take them for zero."""
    found = {f"{name}_ratio": value and round(value, 6)
             for name, value in ratios(outcome, result).items()}
    if result.tool != LIMIT:
        found |= {"patch_bytes": result.patch_bytes, "counted_bytes": result.counted_bytes,
                  "percent": round(result.percent, 6)}
    for step, measure in (("diff", result.diff), ("apply", result.apply)):
        rate = result.speed(measure)
        found[f"{step}_mb_per_s"] = rate and round(rate, 3)
        found |= {f"{step}_seconds": round(measure.seconds, 6) or None,
                  f"{step}_rss_bytes": measure.rss_bytes or None,
                  f"{step}_anon_bytes": measure.anon_bytes if measure.rss_bytes else None}
    return found


def write_tsv(path: Path, outcomes: list[Outcome]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows(outcomes))


def write_json(path: Path, outcomes: list[Outcome], settings: dict, tools: dict[str, str],
               missing: list[str]) -> None:
    content = {
        "settings": settings, "tools": tools, "not_installed": missing,
        "results": list(rows(outcomes)),
        "size": [dataclasses.asdict(mean) for mean in size_means(outcomes)],
        "plain": [dataclasses.asdict(mean) for mean in plain_means(outcomes)],
        "max": [dataclasses.asdict(mean) for mean in max_means(outcomes)],
        "targets": [dataclasses.asdict(line) for line in reached(outcomes)],
        "speed": [dataclasses.asdict(mean) for mean in speed_means(outcomes)]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
