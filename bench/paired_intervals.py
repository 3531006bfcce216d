"""Coverage of intervals for two paired shares, by simulation: `python bench/paired_intervals.py [--runs 50000]`.

Per line: how often the 95% interval holds the true difference, and how often the one-sided 95% lower bound lies above
it (a wrong pass of "not worse"), for Tango's score interval, Newcombe's square-and-add interval (R. Newcombe,
"Improved Confidence Intervals for the Difference between Binomial Proportions Based on Paired Data", Statistics in
Medicine 17, 1998, method 10) and the t interval of the differences. The interval of posttrain is Tango's.
"""

import argparse
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from posttrain.statistics.tango import PairedShares

Z_TWO, Z_ONE = 1.959963984540054, 1.6448536269514722
RATES = (
    *((0.0635, 0.0095, 0.74, n) for n in (50, 100, 220, 500)),
    *((0.02, 0.0, 0.74, 100), (0.02, 0.0, 0.95, 220), (0.05, 0.03, 0.74, 100), (0.1, 0.08, 0.6, 100)),
    *((0.03, 0.01, 0.9, 500), (0.01, 0.01, 0.9, 100), (0.005, 0.005, 0.5, 220), (0.054, 0.0, 0.97, 220)),
)
"""Share of items lost, gained, right before; number of items."""

Counts = NDArray[np.int64]


def main() -> None:
    """Draw tables, compute all bounds, print one line per setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50_000)
    runs = parser.parse_args().runs
    names = ("Tango", "Newcombe", "t")
    heads = [*(f"{name} covers" for name in names), *(f"{name} lower bound too high" for name in names)]
    print("| lost | gained | right before | n | " + " | ".join(heads) + " |\n|" + "---|" * (4 + len(heads)))
    rng = np.random.default_rng(0)
    for lost, gained, right, n in RATES:
        tables = rng.multinomial(n, [right - lost, gained, lost, 1 - right - gained], size=runs)
        shares = coverage(tables, gained - lost)
        print(f"| {lost:.2%} | {gained:.2%} | {right:.0%} | {n} | " + " | ".join(f"{s:.1%}" for s in shares) + " |")


def coverage(tables: Counts, truth: float) -> list[float]:
    """Coverage of the three two-sided intervals, then the error of their lower bounds."""
    n = int(tables[0].sum())

    @cache
    def score(gains: int, losses: int) -> float:
        return PairedShares(gains, losses, n).score(truth)

    scores = np.array([score(int(gains), int(losses)) for _, gains, losses, _ in tables])
    inside, above = [(np.abs(scores) <= Z_TWO).mean()], [(scores >= Z_ONE).mean()]
    for bounds in (newcombe, student):
        low, high = bounds(tables, Z_TWO)
        inside.append(((low <= truth) & (truth <= high)).mean())
        above.append((bounds(tables, Z_ONE)[0] > truth).mean())
    return [float(share) for share in (*inside, *above)]


def newcombe(tables: Counts, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Method 10: Wilson's intervals of both shares, combined with their correlation."""
    both, gains, losses, neither = tables.astype(np.float64).T
    n = tables[0].sum()
    after, before = (both + gains) / n, (both + losses) / n
    (after_low, after_high), (before_low, before_high) = wilson_bounds(after, n, z), wilson_bounds(before, n, z)
    product = (both + gains) * (losses + neither) * (both + losses) * (gains + neither)
    odds = both * neither - gains * losses
    odds = np.where(odds > n / 2, odds - n / 2, np.minimum(odds, 0))
    phi = np.where(product > 0, odds / np.sqrt(np.maximum(product, 1)), 0)

    def reach(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(np.maximum(0, one**2 - 2 * phi * one * other + other**2))

    low = after - before - reach(after - after_low, before_high - before)
    return low, after - before + reach(after_high - after, before - before_low)


def wilson_bounds(share: NDArray[np.float64], n: int, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's interval of each share."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def student(tables: Counts, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The t interval of the differences; it has no width where no pair differs."""
    _, gains, losses, _ = tables.T
    n = int(tables[0].sum())
    mean = (gains - losses) / n
    half = stats.t.ppf(stats.norm.cdf(z), n - 1) * np.sqrt(((gains + losses) / n - mean**2) / (n - 1))
    return mean - half, mean + half


if __name__ == "__main__":
    main()
