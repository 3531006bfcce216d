"""Risk and coverage by hand, by definition, and averaged over the order inside ties."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.statistics.selective import coverage_at_risk, risk_coverage, risk_coverage_area, selective_accuracy

CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6])
LOSS = np.array([0.0, 1.0, 0.0, 1.0])


def test_the_curve_by_hand() -> None:
    coverage, risk = risk_coverage(CONFIDENCE, LOSS)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert risk_coverage_area(CONFIDENCE, LOSS) == pytest.approx(1 / 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=6))
def test_ties_have_the_expected_risk_of_all_orders(answers: list[tuple[int, int]]) -> None:
    """The mean over all orders of the answers, each sorted by confidence, ties left as they are."""
    curves = []
    for order in permutations(answers):
        losses = [loss for _, loss in sorted(order, key=lambda answer: -answer[0])]
        curves.append(np.cumsum(losses) / np.arange(1, len(losses) + 1))
    confidence, loss = (np.array(column, dtype=float) for column in zip(*answers, strict=True))
    assert risk_coverage(confidence, loss)[1] == pytest.approx(np.mean(curves, axis=0), abs=1e-9)


def test_accuracy_at_a_coverage() -> None:
    assert selective_accuracy(CONFIDENCE, 1 - LOSS, 0.25) == 1.0
    assert selective_accuracy(CONFIDENCE, 1 - LOSS, 0.3) == 0.5
    assert selective_accuracy(CONFIDENCE, 1 - LOSS, 1.0) == 0.5
    with pytest.raises(ValueError, match="coverage"):
        selective_accuracy(CONFIDENCE, 1 - LOSS, 0.0)


def test_coverage_at_a_risk_is_one_that_a_threshold_reaches() -> None:
    assert coverage_at_risk(CONFIDENCE, LOSS, 0.0) == 0.25
    assert coverage_at_risk(CONFIDENCE, LOSS, 0.34) == 0.75
    assert coverage_at_risk(CONFIDENCE, LOSS, 0.5) == 1.0
    assert coverage_at_risk(np.full(4, 0.5), LOSS, 0.4) == 0.0  # one threshold answers all four or none


def test_without_answers_there_is_no_value() -> None:
    nothing = np.array([])
    assert math.isnan(risk_coverage_area(nothing, nothing))
    assert math.isnan(selective_accuracy(nothing, nothing, 0.5))
    assert coverage_at_risk(nothing, nothing, 0.5) == 0.0
