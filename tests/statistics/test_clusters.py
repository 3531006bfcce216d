"""Means of clustered values against scipy, and against the matrix formulas of the cluster-robust error."""

import numpy as np
import pytest
from scipy import linalg, stats

from posttrain.statistics.clusters import cluster_codes, effective_items, mean_distribution, robust_mean
from posttrain.statistics.confidence import Constant, Proportion, two_sided


def cr2_by_matrices(values: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """(error, degrees of freedom) of an intercept: Bell and McCaffrey's A_g = (I - H_gg)^(-1/2), written out."""
    n = len(values)
    hat = np.full((n, n), 1 / n)
    residuals, variance, columns = values - values.mean(), 0.0, []
    for cluster in np.unique(codes):
        inside = np.flatnonzero(codes == cluster)
        adjusted = linalg.fractional_matrix_power(np.eye(len(inside)) - hat[np.ix_(inside, inside)], -0.5).sum(0)
        variance += float(adjusted @ residuals[inside]) ** 2 / n**2
        columns.append((np.eye(n) - hat)[:, inside] @ adjusted / n)
    products = np.array(columns) @ np.array(columns).T
    return variance**0.5, np.trace(products) ** 2 / (products**2).sum()


def test_one_item_a_cluster_gives_the_t_interval() -> None:
    values = np.random.default_rng(0).normal(size=30)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert two_sided(mean_distribution(values.tolist())) == pytest.approx(tuple(expected), abs=1e-9)


def test_equal_clusters_give_the_t_interval_of_their_means() -> None:
    values = np.random.default_rng(1).normal(size=(12, 5)) + np.random.default_rng(2).normal(size=(12, 1))
    expected = stats.ttest_1samp(values.mean(1), 0).confidence_interval()
    clusters = np.repeat(np.arange(12), 5).tolist()
    assert two_sided(mean_distribution(values.ravel().tolist(), clusters)) == pytest.approx(tuple(expected), abs=1e-9)


def test_unequal_clusters_have_the_error_and_degrees_of_freedom_of_the_matrix_formulas() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(9), [1, 1, 2, 3, 5, 8, 4, 2, 10])
    values = rng.normal(size=36) + rng.normal(size=9)[codes]
    robust = robust_mean(values, codes)
    assert (robust.error, robust.df) == pytest.approx(cr2_by_matrices(values, codes), rel=1e-9)


def test_the_interval_of_few_unequal_clusters_covers_the_mean_in_95_percent() -> None:
    rng, covered, runs = np.random.default_rng(4), 0, 2_000
    codes = np.repeat(np.arange(8), [2, 2, 3, 4, 5, 6, 8, 10])
    for _ in range(runs):
        low, high = two_sided(robust_mean(rng.normal(size=40) + rng.normal(size=8)[codes], codes)) or (0, 0)
        covered += low <= 0 <= high
    assert covered / runs > 0.94


def test_shares_in_clusters_cover_their_truth_also_near_1() -> None:
    rng, codes, missed, runs = np.random.default_rng(5), np.repeat(np.arange(20), 5), 0, 1_000
    for _ in range(runs):
        together = rng.random(20)[codes] < 0.96
        values = np.where(rng.random(100) < 0.3**0.5, together, rng.random(100) < 0.96)
        missed += mean_distribution(values.astype(float).tolist(), codes.tolist()).p_above(0.96) <= 0.05
    assert missed / runs <= 0.06


def test_copies_of_an_item_count_as_one() -> None:
    values = np.repeat(np.random.default_rng(6).integers(2, size=40), 5).astype(float)
    assert effective_items(values, np.repeat(np.arange(40), 5)) <= 40


def test_equal_values_count_one_per_cluster() -> None:
    assert mean_distribution([1.0] * 100, np.repeat(np.arange(20), 5).tolist()) == Proportion(20, 20)
    assert mean_distribution([0.5] * 3) == Constant(0.5, 3, 1.0)


def test_residuals_that_cancel_in_every_cluster_do_not_make_the_interval_vanish() -> None:
    low, high = two_sided(mean_distribution([1.5, 2.5] * 4, np.repeat(np.arange(4), 2).tolist())) or (2, 2)
    assert low < 2 < high


def test_items_and_clusters_must_match() -> None:
    with pytest.raises(ValueError, match="3 clusters for 2 items"):
        cluster_codes(["a", "a", "b"], 2)
    with pytest.raises(ValueError, match="at least one item"):
        mean_distribution([])
    assert cluster_codes(["b", "a", "b"], 3).tolist() == [0, 1, 0]


def test_an_item_without_a_cluster_is_its_own() -> None:
    assert cluster_codes([None, "a", None, "a"], 4).tolist() == [0, 1, 2, 1]
    assert cluster_codes(None, 3).tolist() == cluster_codes([None] * 3, 3).tolist() == [0, 1, 2]
