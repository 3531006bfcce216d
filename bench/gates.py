"""Power and false alarms of gates, by simulation: `python bench/gates.py [--runs 4000] [--clustered-runs 2000]`.

Two stages answer the same items. Before, 62% of the answers are right. Without a loss, a stage turns some right
answers wrong and as many wrong ones right: 1.9% or 7.3% of the items differ. With a loss of 5.4 points, 6.35% of the
items become wrong and 0.95% right. These rates give the figures of a known example: 220 items, a loss of 5.4 points,
found by an unpaired z test in about 2% of cases and by McNemar's exact test in 84% (both two-sided at 5%).
Clusters have 5 items with an intra-cluster correlation of 0.3 of the changes.

Each share is printed with the 95% interval of the simulation (Wilson). A gate is one-sided at 5%.
"""

import argparse
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from posttrain.statistics.classification import classification_measure, label_cells, macro_f1
from posttrain.statistics.holm import holm
from posttrain.statistics.intervals import wilson
from posttrain.statistics.paired import PairedComparison, compare_paired
from posttrain.statistics.paired_statistic import compare_statistic
from posttrain.statistics.paired_tests import mcnemar
from posttrain.statistics.power import detectable_loss
from posttrain.statistics.verdicts import better, decide, not_worse

BASE = 0.62
LOSS = (0.0635, 0.0095)
"""Share of items that become wrong, and right: a loss of 5.4 points."""
QUIET, BUSY = (0.0095, 0.0095), (0.0365, 0.0365)
"""No loss: 1.9% of the items differ, or 7.3%, as many as with the loss."""
MARGIN = 0.054
SIZES = (50, 100, 220, 500)
CLUSTER, CORRELATION = 5, 0.3
GATES = 8
DRAWS = 2_000
SINGLE = ["unpaired z", "exact McNemar", "paired bootstrap", "gate"]

Answers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One simulation: the number of items, whether they have clusters, and how often it is repeated."""

    n: int
    clustered: bool
    runs: int

    @property
    def label(self) -> str:
        return f"{self.n} in clusters" if self.clustered else str(self.n)


Counts = dict[str, int]


def main() -> None:
    """Simulate every case, two at a time, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4_000)
    parser.add_argument("--clustered-runs", type=int, default=2_000)
    parser.add_argument("--measure-runs", type=int, default=400)
    chosen = parser.parse_args()
    cases = [Case(n, False, chosen.runs) for n in SIZES] + [Case(n, True, chosen.clustered_runs) for n in SIZES]
    sizes = [Case(n, False, chosen.measure_runs) for n in (50, 220)]
    with ProcessPoolExecutor(2) as pool:
        measures = pool.map(macro_f1_alarms, sizes)
        results = list(zip(cases, pool.map(simulate, cases), strict=True))
        scores = list(zip(sizes, measures, strict=True))
    table("One gate: the loss of 5.4 points is found", "found by", SINGLE, results)
    table("One gate without a loss: false alarms", "alarm", SINGLE, results)
    alarms = [f"{kind}, {share}" for share in ("1.9%", "7.3%") for kind in ("uncorrected", "discrete Holm")]
    table("Eight gates without a loss: any of them fails", "run", alarms, results)
    finds = [f"{kind}, {share}" for share in ("1.9%", "7.3%") for kind in ("Holm", "discrete Holm")]
    table("Eight gates, one with the loss: this one fails", "eight", finds, results)
    table("`not worse by 0.054` with a true loss of 5.4 points: wrong passes", "wrong", ["pass"], results)
    table("Macro-F1 without a loss: false alarms", "macro-F1", ["bootstrap", "gate"], scores)
    detectable()


def table(title: str, prefix: str, columns: list[str], results: list[tuple[Case, Counts]]) -> None:
    """One line per case, one share per column."""
    print(f"\n{title}\n\n| n | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for case, counts in results:
        print(
            f"| {case.label} | " + " | ".join(share(counts[f"{prefix} {name}"], case.runs) for name in columns) + " |"
        )


def detectable() -> None:
    """The loss that one gate finds with a probability of 80%, by items and by the share that differs without a loss."""
    churns = (0.01, 0.02, 0.05, 0.1)
    print("\nThe loss that one gate finds with 80%, in points (exact, without clusters)\n")
    print("| n | " + " | ".join(f"{churn:.0%} differ" for churn in churns) + " |\n|---|" + "---|" * len(churns))
    for n in (50, 100, 200, 500, 1_000):
        losses = [detectable_loss(n, churn) for churn in churns]
        print(f"| {n} | " + " | ".join("-" if loss is None else f"{100 * loss:.1f}" for loss in losses) + " |")


def share(count: int, runs: int) -> str:
    """A share in percent with its interval."""
    low, high = wilson(count, runs)
    return f"{count / runs:.1%} ({low:.1%} to {high:.1%})"


def simulate(case: Case) -> Counts:
    """How often each test finds something."""
    rng = np.random.default_rng([case.n, case.clustered])
    counts: Counts = {}

    def add(name: str, shown: bool) -> None:
        counts[name] = counts.get(name, 0) + bool(shown)

    for _ in range(case.runs):
        before, after = drawn(rng, case, LOSS)
        lost = compared(before, after, case)
        for name, shown in singly(before, after, lost):
            add(f"found by {name}", shown)
        add("wrong pass", not_worse(lost, MARGIN).outcome == "pass")
        for rates, words in ((QUIET, "1.9%"), (BUSY, "7.3%")):
            pairs = [drawn(rng, case, rates) for _ in range(GATES)]
            equal = [compared(*pair, case) for pair in pairs]
            verdicts = [better(comparison) for comparison in equal]
            add(f"run uncorrected, {words}", any(verdict.outcome == "fail" for verdict in verdicts))
            add(f"run discrete Holm, {words}", any(verdict.outcome == "fail" for verdict in decide(verdicts)))
            mixed = [better(lost), *verdicts[1:]]
            add(f"eight Holm, {words}", holm([verdict.p_fail for verdict in mixed])[0] <= 0.05)
            add(f"eight discrete Holm, {words}", decide(mixed)[0].outcome == "fail")
            if rates is BUSY:
                for name, shown in singly(*pairs[0], equal[0]):
                    add(f"alarm {name}", shown)
    return counts


def drawn(rng: np.random.Generator, case: Case, rates: tuple[float, float]) -> tuple[Answers, Answers]:
    """Right and wrong answers before and after; an item copies its cluster's change with probability sqrt(ICC)."""
    loss, gain = rates
    levels = rng.random(case.n)
    if case.clustered:
        shared = np.repeat(rng.random(case.n // CLUSTER), CLUSTER)
        levels = np.where(rng.random(case.n) < CORRELATION**0.5, shared, levels)
    lost, gained = levels < loss, levels > 1 - gain
    same = rng.random(case.n) < (BASE - loss) / (1 - loss - gain)
    return np.where(lost, 1.0, np.where(gained, 0.0, same)), np.where(lost, 0.0, np.where(gained, 1.0, same))


def compared(before: Answers, after: Answers, case: Case) -> PairedComparison:
    """The comparison that a gate makes; without clusters it depends on three counts only."""
    if not case.clustered:
        return of_counts(int((before > after).sum()), int((after > before).sum()), case.n)
    return compare_paired(before.tolist(), after.tolist(), clusters=[item // CLUSTER for item in range(case.n)])


@cache
def of_counts(losses: int, gains: int, n: int) -> PairedComparison:
    """The comparison of n items with these changes."""
    before = [1.0] * losses + [0.0] * gains + [1.0] * (n - losses - gains)
    return compare_paired(before, [0.0] * losses + [1.0] * (n - losses))


def singly(before: Answers, after: Answers, comparison: PairedComparison) -> Iterable[tuple[str, bool]]:
    """Whether each test shows a loss: three common two-sided tests that ignore clusters, and the gate."""
    n, losses, gains = len(before), int((before > after).sum()), int((after > before).sum())
    mean = (before.mean() + after.mean()) / 2
    yield "unpaired z", bool(before.mean() - after.mean() > 1.96 * (2 * mean * (1 - mean) / n) ** 0.5)
    yield "exact McNemar", losses > gains and mcnemar(gains, losses).p_two_sided <= 0.05
    yield "paired bootstrap", bootstrap_shows(losses, gains, n)
    yield "gate", better(comparison).outcome == "fail"


@cache
def bootstrap_shows(losses: int, gains: int, n: int) -> bool:
    """Whether the paired percentile bootstrap's 95% interval lies below zero."""
    rng = np.random.default_rng(0)
    counts = rng.multinomial(n, [losses / n, gains / n, (n - losses - gains) / n], size=DRAWS)
    return bool(np.percentile(counts[:, 1] - counts[:, 0], 97.5) < 0)


def macro_f1_alarms(case: Case) -> Counts:
    """False alarms of the permutation test, and of bootstrap p-values, for two stages of equal quality."""
    rng, counts = np.random.default_rng(case.n), {"macro-F1 bootstrap": 0, "macro-F1 gate": 0}
    for run in range(case.runs):
        true = rng.integers(4, size=case.n)
        before = np.where(rng.random(case.n) < BASE, true, rng.integers(4, size=case.n))
        pair = [np.where(rng.random(case.n) < 0.05, rng.integers(4, size=case.n), before) for _ in range(2)]
        cells = label_cells([*true, *true], [*pair[0], *pair[1]], range(4))
        result = compare_statistic(classification_measure(macro_f1, cells, 4), case.n, draws=500, seed=run)
        counts["macro-F1 gate"] += better(result).outcome == "fail"
        counts["macro-F1 bootstrap"] += result.distribution is not None and result.distribution.p_below(0) <= 0.05
    return counts


if __name__ == "__main__":
    main()
