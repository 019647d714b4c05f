"""What the measurements mean: the best peer of each case, ratios to it, means over many cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench_cases import Case
from bench_measure import Result
from bench_tools import DEVICE_PEERS, LIMIT, LITE, MAX, OURS, PLAIN

FAST_FILE_BYTES = 1_000_000  # speed is compared on larger files: below, starting a program rules
SPEED_PEERS = ("hdiffz", "bsdiff", "zstd")
RELATED_KINDS = ("fine-tune", "related-update")  # where tensors of old and new have much in common


@dataclass
class Outcome:
    """All results of one case."""

    case: Case
    results: list[Result] = field(default_factory=list)
    weight_bytes: int | None = None  # of our patch; known where the case has a target

    def of(self, tool: str) -> Result | None:
        return next((r for r in self.results if r.tool == tool and r.source == "run"), None)

    @property
    def ours(self) -> Result | None:
        return self.of(OURS)

    def good_peers(self) -> list[Result]:
        return [r for r in self.results
                if r.tool not in (OURS, MAX, LITE, PLAIN, LIMIT) and r.is_ok]

    @property
    def best_peer(self) -> Result | None:
        """The smallest patch; where a list says the same as a run, the run."""
        return min(self.good_peers(), key=lambda r: (r.counted_bytes, r.source != "run"),
                   default=None)

    @property
    def best_run_peer(self) -> Result | None:
        """The same among those that ran here: only they have times and memory."""
        return min((r for r in self.good_peers() if r.source == "run"),
                   key=lambda r: r.counted_bytes, default=None)


def ratios(outcome: Outcome, result: Result) -> dict[str, float | None]:
    """Each measure of a result over the same of the case's best peer; None where there is none."""
    best, run = outcome.best_peer, outcome.best_run_peer
    return {
        "size": ratio(result.counted_bytes, best and best.counted_bytes),
        "plain": plain_ratio(outcome, result),
        "diff_time": ratio(result.diff.seconds, run and run.diff.seconds),
        "apply_time": ratio(result.apply.seconds, run and run.apply.seconds),
        "diff_memory": ratio(result.diff.rss_bytes, run and run.diff.rss_bytes),
        "apply_memory": ratio(result.apply.rss_bytes, run and run.apply.rss_bytes),
    }


def ratio(value: float, base: float | None) -> float | None:
    return value / base if value and base else None


def plain_ratio(outcome: Outcome, result: Result) -> float | None:
    """Size over that of the plain tensor baseline."""
    plain = outcome.of(PLAIN)
    return ratio(result.counted_bytes, plain.counted_bytes) if plain and plain.is_ok else None


def geometric_mean(values: Iterable[float]) -> float | None:
    logs = [math.log(value) for value in values]
    return math.exp(math.fsum(logs) / len(logs)) if logs else None


@dataclass
class SizeMean:
    """Sizes of ours over those of something else, over a group of pairs."""

    name: str  # 'all pairs', 'related pairs', or a kind
    pairs: int
    mean: float
    not_larger: int  # pairs where ours is as small as the other, or smaller
    worst: float
    worst_case: str


@dataclass
class SpeedMean:
    """Times of ours over a peer's, on files over FAST_FILE_BYTES."""

    peer: str
    pairs: int
    diff_mean: float
    diff_faster: int
    apply_mean: float
    apply_faster: int


def size_means(outcomes: list[Outcome]) -> list[SizeMean]:
    """Ours over the best peer, for all pairs and for each kind."""
    return means_of(lambda o: ratios(o, o.ours)["size"], groups_of(outcomes))


def plain_means(outcomes: list[Outcome]) -> list[SizeMean]:
    """Ours over the plain tensor baseline: the same groups, and first all related pairs."""
    related = [outcome for outcome in outcomes if outcome.case.kind in RELATED_KINDS]
    return means_of(lambda o: ratios(o, o.ours)["plain"],
                    [("related pairs", related), *groups_of(outcomes)])


def max_means(outcomes: list[Outcome]) -> list[SizeMean]:
    """Ours with --max over ours without."""
    both = [o for o in outcomes if (most := o.of(MAX)) and most.is_ok]
    return means_of(lambda o: ratio(o.of(MAX).counted_bytes, o.ours.counted_bytes), groups_of(both))


def groups_of(outcomes: list[Outcome]) -> list[tuple[str, list[Outcome]]]:
    kinds = sorted({outcome.case.kind for outcome in outcomes if outcome.case.kind})
    return [("all pairs", outcomes),
            *((kind, [o for o in outcomes if o.case.kind == kind]) for kind in kinds)]


def means_of(measure: Callable[[Outcome], float | None],
             groups: list[tuple[str, list[Outcome]]]) -> list[SizeMean]:
    """Of the outcomes that have a result of ours."""
    means = []
    for name, members in groups:
        pairs = [(size, o.case.name) for o in members
                 if o.ours and o.ours.is_ok and (size := measure(o))]
        if pairs:
            worst, worst_case = max(pairs)
            mean = geometric_mean(size for size, _ in pairs)
            means.append(SizeMean(name, len(pairs), mean or 0.0,
                                  sum(size <= 1 for size, _ in pairs), worst, worst_case))
    return means


@dataclass
class LiteMean:
    """Sizes of patches for small devices over those for hosts, and beside their peers."""

    pairs: int
    mean: float
    worst: float
    worst_case: str
    rivals: int  # pairs that have a peer for small devices
    smaller: int  # than the smallest of them


def lite_mean(outcomes: list[Outcome]) -> LiteMean | None:
    pairs = [(lite.patch_bytes / o.ours.patch_bytes, o.case.name) for o in outcomes
             if (lite := o.of(LITE)) and lite.is_ok and o.ours and o.ours.is_ok]
    if not pairs:
        return None
    rivals = [(lite.patch_bytes, min(theirs)) for o in outcomes
              if (lite := o.of(LITE)) and lite.is_ok
              and (theirs := [r.patch_bytes for r in o.results
                              if r.tool in DEVICE_PEERS and r.is_ok])]
    worst, worst_case = max(pairs)
    return LiteMean(len(pairs), geometric_mean(size for size, _ in pairs) or 0.0, worst, worst_case,
                    len(rivals), sum(size < least for size, least in rivals))


def speed_means(outcomes: list[Outcome]) -> list[SpeedMean]:
    means = []
    for peer in SPEED_PEERS:
        pairs = [(ours, theirs) for o in outcomes
                 if o.case.new_bytes > FAST_FILE_BYTES
                 and (ours := o.ours) and ours.is_ok and (theirs := o.of(peer)) and theirs.is_ok]
        if pairs:
            diffs = [ours.diff.seconds / theirs.diff.seconds for ours, theirs in pairs]
            applies = [ours.apply.seconds / theirs.apply.seconds for ours, theirs in pairs]
            means.append(SpeedMean(peer, len(pairs),
                                   geometric_mean(diffs) or 0.0, sum(d < 1 for d in diffs),
                                   geometric_mean(applies) or 0.0, sum(a < 1 for a in applies)))
    return means
