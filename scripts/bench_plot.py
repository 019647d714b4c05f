#!/usr/bin/env python3
"""Draws the chart of README: for each case our patch and the best peer's, as percent of the new file.

    scripts/bench_plot.py RESULTS.tsv > chart.svg     # the TSV is written by scripts/bench --tsv

One row per case: a wide pale bar for the best peer, a narrow strong one for ours over it; shorter
is better. Figures stand beside the bars, as those of metadata edits are too short to be seen. The
axis is linear, as bytes are. No background, no fonts of its own, colours of middle lightness: it
must be readable on white and on black, and an image cannot know on which it is shown.
"""

from __future__ import annotations

import csv
import math
import sys
from xml.sax.saxutils import escape

OURS = "mallorn"
ROW, GROUP_GAP, TOP, BOTTOM = 17, 26, 52, 30  # heights in pixels
LABEL_WIDTH, PLOT_WIDTH = 275, 340
COLUMN_WIDTHS = (76, 82, 62)  # ours, peer, ratio; the text ends at the right edge
STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif;
         fill: #76808c; }
  .strong { font-weight: 700; }
  .grid { stroke: #76808c; stroke-opacity: 0.3; }
  .ours { fill: #2da44e; } .peer { fill: #e0823d; fill-opacity: 0.55; }
"""


def draw(rows: list[dict]) -> str:
    """An SVG document from the rows of scripts/bench; cases without both sides are left out."""
    groups = group_cases(rows)
    cases = [case for members in groups.values() for case in members]
    longest = max([100.0, *(case[side] for case in cases for side in ("ours", "peer"))])
    scale = PLOT_WIDTH / longest  # pixels for one percent
    height = TOP + len(cases) * ROW + len(groups) * GROUP_GAP + BOTTOM
    width = LABEL_WIDTH + PLOT_WIDTH + sum(COLUMN_WIDTHS)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" role="img">',
             "<title>Patch size in percent of the new model: mallorn and the best peer</title>",
             f"<style>{STYLE}</style>", *legend(), *grid(scale, height - BOTTOM)]
    y = TOP
    for kind, members in groups.items():
        y += GROUP_GAP
        if kind:
            parts.append(text(8, y - 6, kind, "strong"))
        for case in members:
            parts += draw_case(case, scale, y)
            y += ROW
    return "\n".join([*parts, "</svg>", ""])


def group_cases(rows: list[dict]) -> dict[str, list[dict]]:
    """Kind -> cases, the smallest patches first. Rows come from memory or from a TSV file."""
    sides: dict[str, dict] = {}
    for row in rows:
        if row["error"] or not row["percent"]:
            continue
        case = sides.setdefault(row["case"], {"name": row["case"], "kind": row["kind"] or ""})
        if row["tool"] == OURS:
            case["ours"] = float(row["percent"])
        elif int(row["is_best_peer"]):
            case["peer"] = float(row["percent"])
    groups: dict[str, list[dict]] = {}
    for case in sorted(sides.values(), key=lambda c: (c["kind"], c.get("ours", 0), c["name"])):
        if "ours" in case and "peer" in case:
            groups.setdefault(case["kind"], []).append(case)
    return dict(sorted(groups.items(), key=lambda group: mean_percent(group[1])))


def mean_percent(cases: list[dict]) -> float:
    return math.fsum(math.log(case["ours"]) for case in cases) / len(cases)


def legend() -> list[str]:
    heads = zip(column_ends(), (OURS, "others", "ratio"))
    return [text(8, 18, "Patch size in percent of the new model, shorter is better", "strong"),
            bar("ours", 8, 33, 18, 5), text(32, 40, OURS),
            bar("peer", 94, 30, 18, 11), text(118, 40, "smallest patch of all other tools"),
            *(text(x, 40, head, "strong", "end") for x, head in heads)]


def grid(scale: float, bottom: int) -> list[str]:
    parts = []
    for value in range(0, 101, 25):
        x = LABEL_WIDTH + value * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(text(x, bottom + 16, f"{value} %", anchor="middle"))
    return parts


def draw_case(case: dict, scale: float, y: int) -> list[str]:
    values = (percent(case["ours"]), percent(case["peer"]), f"{case['ours'] / case['peer']:.2f}")
    return [text(LABEL_WIDTH - 10, y + 12, case["name"], anchor="end"),
            bar("peer", LABEL_WIDTH, y + 2, case["peer"] * scale, 12),
            bar("ours", LABEL_WIDTH, y + 5, case["ours"] * scale, 6),
            *(text(x, y + 12, value, "strong" if column == 0 else "", "end")
              for column, (x, value) in enumerate(zip(column_ends(), values)))]


def column_ends() -> list[int]:
    return [LABEL_WIDTH + PLOT_WIDTH + sum(COLUMN_WIDTHS[:i + 1]) - 4 for i in range(3)]


def bar(side: str, x: float, y: float, width: float, height: float) -> str:
    # A bar of no width would be invisible, though no patch is empty.
    return (f'<rect class="{side}" x="{x:.1f}" y="{y}" width="{max(width, 1.0):.1f}" '
            f'height="{height}"/>')


def percent(value: float) -> str:
    return f"{value:.{max(1, min(4, 1 - math.floor(math.log10(value))))}f} %"


def text(x: float, y: float, content: str, style: str = "", anchor: str = "start") -> str:
    style_attribute = f' class="{style}"' if style else ""
    return (f'<text{style_attribute} x="{x:.1f}" y="{y}" text-anchor="{anchor}">'
            f"{escape(content)}</text>")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: bench_plot.py RESULTS.tsv > chart.svg", file=sys.stderr)
        return 64
    with open(arguments[0], encoding="utf-8", newline="") as file:
        sys.stdout.write(draw(list(csv.DictReader(file, delimiter="\t"))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
