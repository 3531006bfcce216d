"""Calibration against scikit-learn and against a loop over bins."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from posttrain.statistics.calibration import brier_score, calibration_error, reliability

RNG = np.random.default_rng(0)
CONFIDENCE = RNG.random(500)
CORRECT = (RNG.random(500) < CONFIDENCE**2).astype(float)


def test_the_brier_score_is_scikit_learns() -> None:
    assert brier_score(CONFIDENCE, CORRECT) == pytest.approx(brier_score_loss(CORRECT, CONFIDENCE), abs=1e-12)


def test_bins_are_scikit_learns() -> None:
    confidence, correct, counts = reliability(CONFIDENCE, CORRECT)
    shares, means = calibration_curve(CORRECT, CONFIDENCE, n_bins=10)
    assert confidence == pytest.approx(means, abs=1e-12)
    assert correct == pytest.approx(shares, abs=1e-12)
    assert counts.sum() == 500
    _, equal, sizes = reliability(CONFIDENCE, CORRECT, kind="equal mass")
    assert equal == pytest.approx(calibration_curve(CORRECT, CONFIDENCE, n_bins=10, strategy="quantile")[0], abs=1e-12)
    assert set(sizes) == {50.0}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 15))
def test_equal_width_bins_by_a_loop(answers: list[tuple[float, bool]], bins: int) -> None:
    edges, error = np.linspace(0, 1, bins + 1), 0.0
    for number in range(bins):
        inside = [(c, r) for c, r in answers if edges[number] < c <= edges[number + 1] or (number == 0 and c == 0)]
        if inside:
            gap = np.mean([r for _, r in inside]) - np.mean([c for c, _ in inside])
            error += abs(gap) * len(inside) / len(answers)
    confidence, correct = (np.array(column, dtype=float) for column in zip(*answers, strict=True))
    assert calibration_error(confidence, correct, bins=bins) == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("kind", ["equal width", "equal mass"])
def test_a_confidence_that_is_right_has_no_error_and_an_overconfident_one_its_distance(kind: str) -> None:
    correct = np.array([1.0, 1, 1, 0] * 25)
    assert calibration_error(np.full(100, 0.75), correct, bins=1, kind=kind) == pytest.approx(0.0)  # pyright: ignore[reportArgumentType]
    assert calibration_error(np.full(100, 0.95), correct, bins=1, kind=kind) == pytest.approx(0.2)  # pyright: ignore[reportArgumentType]


def test_without_answers_there_is_no_value_and_an_empty_bin_has_no_mean() -> None:
    nothing = np.array([])
    assert math.isnan(brier_score(nothing, nothing))
    assert math.isnan(calibration_error(nothing, nothing))
    confidence, _, counts = reliability(np.array([0.05, 0.95]), np.array([0.0, 1.0]))
    assert math.isnan(confidence[5])
    assert counts.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
