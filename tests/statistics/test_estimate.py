"""Estimates: the value, its interval and the number of observations, also where the data cannot give them."""

import math

import numpy as np
import pytest

from posttrain.statistics.estimate import Estimate, estimate_mean, estimate_measure, estimate_share
from posttrain.statistics.intervals import wilson


def test_a_share_has_wilsons_interval() -> None:
    assert estimate_share(3, 4, counted="pairs") == Estimate(0.75, 4, wilson(3, 4), "share", "pairs")


def test_the_interval_of_a_mean_narrows_with_more_items() -> None:
    values = np.random.default_rng(0).normal(size=400)
    few, many = estimate_mean(values[:25].tolist()), estimate_mean(values.tolist())
    assert many.value == pytest.approx(values.mean())
    assert few.interval is not None
    assert many.interval is not None
    assert few.interval[0] < few.value < few.interval[1]  # pyright: ignore[reportOperatorIssue]
    assert many.interval[1] - many.interval[0] < (few.interval[1] - few.interval[0]) / 2


def test_without_data_there_is_no_value_rather_than_a_zero() -> None:
    for estimate in (
        estimate_share(0, 0, counted="pairs"),
        estimate_mean([]),
        estimate_measure(lambda _: math.nan, 5),
    ):
        assert estimate.value is None
        assert estimate.interval is None
    assert estimate_measure(lambda _: math.nan, 5).n == 5


def test_json_has_the_value_the_interval_and_the_count_in_this_order() -> None:
    assert list(estimate_share(1, 2, counted="pairs").as_json()) == ["value", "interval", "n"]
