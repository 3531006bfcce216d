"""Holm's correction against statsmodels, and its refinement for tests with few possible p-values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from posttrain.statistics.holm import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.parametrize("count", [1, 2, 5, 8, 30])
def test_adjusted_p_values_are_statsmodels(count: int) -> None:
    p_values = (np.random.default_rng(count).random(count) ** 3).round(2).tolist()  # some are equal
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), abs=1e-12)


@given(P_VALUES)
def test_the_correction_keeps_the_order_and_never_lowers_a_p_value(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


@given(P_VALUES, st.data())
def test_knowing_the_possible_p_values_only_helps(p_values: list[float], data: st.DataObject) -> None:
    levels = [sorted({p, *data.draw(st.lists(st.floats(0, 1), max_size=3))}) for p in p_values]
    refined = holm(p_values, levels)
    assert all(p <= fine <= plain for p, fine, plain in zip(p_values, refined, holm(p_values), strict=True))


def test_a_test_that_cannot_reach_the_p_value_at_hand_is_not_counted() -> None:
    assert holm([0.02, 0.5, 0.5], [(), (0.25, 0.5), (0.01, 0.5)]) == pytest.approx([0.03, 1.0, 1.0])
    assert holm([0.02, 0.5, 0.5]) == pytest.approx([0.06, 1.0, 1.0])


def test_eight_discrete_tests_without_effects_give_an_alarm_in_at_most_5_percent() -> None:
    rng, alarms, runs = np.random.default_rng(0), 0, 4_000
    pairs = rng.binomial(60, 0.1, size=(runs, 8))
    losses = rng.binomial(pairs, 0.5)
    levels = [stats.binom.cdf(np.arange(count + 1), count, 0.5).tolist() for count in range(61)]
    p_values = stats.binom.sf(losses - 1, pairs, 0.5)
    for row, counts in zip(p_values, pairs, strict=True):
        alarms += min(holm(row.tolist(), [levels[count] for count in counts])) <= 0.05
    assert 0.02 < alarms / runs <= 0.05


def test_without_tests_there_is_nothing_to_correct() -> None:
    assert holm([]) == []
