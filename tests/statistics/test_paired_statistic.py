"""Comparison by macro-F1 and by other measures of a set of answers."""

import math

import numpy as np
import pytest

from posttrain.statistics.classification import classification_measure, label_cells, macro_f1
from posttrain.statistics.paired import compare_paired
from posttrain.statistics.paired_statistic import compare_statistic


def answers(n: int, changed: float, seed: int = 0) -> tuple[list[int], list[int], list[int]]:
    """True labels, and the predictions before and after."""
    rng = np.random.default_rng(seed)
    true = rng.integers(4, size=n)
    before = np.where(rng.random(n) < 0.8, true, rng.integers(4, size=n))
    after = np.where(rng.random(n) < changed, rng.integers(4, size=n), before)
    return true.tolist(), before.tolist(), after.tolist()


def test_a_mean_has_the_p_values_of_the_sign_flip_test_and_a_similar_interval() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.random(80), rng.random(80) - 0.08])
    means = compare_statistic(lambda picked: float(values[picked].mean()), 80, draws=5_000)
    paired = compare_paired(values[:80].tolist(), values[80:].tolist())
    assert means.difference == pytest.approx(paired.difference, abs=1e-12)
    assert means.p_loss == pytest.approx(paired.p_loss, abs=0.02)
    assert means.interval == pytest.approx(paired.interval, abs=0.015)


def test_few_clusters_are_gone_through_exactly() -> None:
    values = np.array([1.0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1])
    result = compare_statistic(lambda picked: float(values[picked].mean()), 6, clusters=list("aabbcc"))
    assert result.p_loss == compare_paired(values[:6].tolist(), values[6:].tolist(), clusters=list("aabbcc")).p_loss
    assert result.levels == (1 / 8,)


def test_a_loss_of_macro_f1_is_found_and_a_seed_repeats() -> None:
    true, before, after = answers(300, 0.15)
    cells = label_cells(true * 2, before + after, range(4))
    result = compare_statistic(classification_measure(macro_f1, cells, 4), 300, draws=500)
    again = compare_statistic(classification_measure(macro_f1, cells, 4), 300, draws=500)
    assert result.difference < 0
    assert result.p_loss < 0.01 < 0.99 < result.p_gain
    assert result.interval is not None
    assert result.interval[0] < result.difference < result.interval[1] < 0
    assert (result.interval, result.p_loss) == (again.interval, again.p_loss)
    lower = compare_statistic(classification_measure(macro_f1, cells, 4), 300, draws=500, better="lower")
    assert lower.p_gain == result.p_loss


def test_answers_that_did_not_change_show_no_loss() -> None:
    true, before, _ = answers(60, 0)
    cells = label_cells(true * 2, before * 2, range(4))
    result = compare_statistic(classification_measure(macro_f1, cells, 4), 60, draws=200)
    assert (result.difference, result.p_loss, result.p_gain) == (0, 1, 1)
    assert result.p_within(0.1) == pytest.approx(0.9**60)


def test_a_measure_without_a_value_shows_nothing() -> None:
    result = compare_statistic(lambda _: math.nan, 10)
    assert math.isnan(result.difference)
    assert result.interval is None
    assert result.p_within(0.5) == result.p_loss == result.p_gain == 1.0
