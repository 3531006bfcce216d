"""The bootstrap against scipy's, and clusters that are drawn whole."""

import math

import numpy as np
import pytest
from scipy import stats

from posttrain.statistics.bootstrap import Bootstrapped, bootstrap, cluster_members
from posttrain.statistics.confidence import Constant, two_sided

VALUES = np.random.default_rng(0).exponential(size=60)


def mean(picked: np.ndarray) -> float:
    return float(VALUES[picked].mean())


def spread(picked: np.ndarray) -> float:
    return float(VALUES[picked].std())


@pytest.mark.parametrize("statistic", [np.mean, np.std])
def test_bca_bounds_are_scipys_for_the_same_draws(statistic: object) -> None:
    theirs = stats.bootstrap((VALUES,), statistic, n_resamples=3_000, method="BCa", rng=np.random.default_rng(1))
    draws = np.sort(theirs.bootstrap_distribution)
    measure = mean if statistic is np.mean else spread
    ours = bootstrap(measure, np.arange(60), draws=10)
    assert isinstance(ours, Bootstrapped)
    bias = stats.norm.ppf((draws < ours.estimate).mean())
    same = Bootstrapped(ours.estimate, draws, float(bias), ours.acceleration)
    assert two_sided(same) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-9)


@pytest.mark.parametrize(("method", "name"), [("percentile", "percentile"), ("bca", "BCa")])
def test_whole_intervals_are_near_scipys(method: str, name: str) -> None:
    theirs = stats.bootstrap((VALUES,), np.std, n_resamples=9_999, method=name, rng=np.random.default_rng(1))
    ours = bootstrap(spread, np.arange(60), draws=9_999, method=method)  # pyright: ignore[reportArgumentType]
    assert ours is not None
    assert two_sided(ours) == pytest.approx(tuple(theirs.confidence_interval), abs=0.03)


def test_clusters_are_drawn_whole() -> None:
    codes, seen = np.array([0, 1, 0, 2, 1, 0]), []

    def measure(picked: np.ndarray) -> float:
        seen.append(picked)
        return float(picked.mean())

    bootstrap(measure, codes, draws=50)
    sizes = {0: 3, 1: 2, 2: 1}
    for picked in seen:
        for cluster, size in sizes.items():
            counts = np.bincount(picked, minlength=6)[codes == cluster]
            assert len(counts) == size
            assert len(set(counts.tolist())) == 1


def test_a_cluster_of_one_equals_no_clusters_and_a_seed_repeats() -> None:
    alone, named = bootstrap(mean, np.arange(60), seed=5), bootstrap(mean, np.arange(60)[::1].copy(), seed=5)
    assert alone is not None
    assert named is not None
    assert two_sided(alone) == two_sided(named)
    assert two_sided(alone) != two_sided(bootstrap(mean, np.arange(60), seed=6) or alone)


def test_clusters_that_agree_widen_the_interval() -> None:
    values = np.repeat(np.random.default_rng(2).normal(size=30), 5)

    def measure(picked: np.ndarray) -> float:
        return float(values[picked].mean())

    low, high = two_sided(bootstrap(measure, np.arange(150)) or Constant(0, 1, 0)) or (0, 0)
    wide_low, wide_high = two_sided(bootstrap(measure, np.repeat(np.arange(30), 5)) or Constant(0, 1, 0)) or (0, 0)
    assert (wide_high - wide_low) / (high - low) == pytest.approx(5**0.5, rel=0.1)


def test_without_spread_or_without_a_value_there_is_no_certainty() -> None:
    assert bootstrap(lambda _: 0.5, np.arange(20)) == Constant(0.5, 20, 1.0)
    assert bootstrap(lambda _: math.nan, np.arange(20)) is None
    assert bootstrap(mean, np.zeros(60, dtype=np.intp)) is None


def test_members_are_all_items_by_cluster() -> None:
    assert [items.tolist() for items in cluster_members(np.array([1, 0, 1, 2]))] == [[1], [0, 2], [3]]
