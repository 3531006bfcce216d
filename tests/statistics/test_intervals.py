"""Intervals against scipy's and hand values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.statistics.intervals import interval, wilson


def test_wilson_matches_published_values() -> None:
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_has_the_share_and_lies_within_0_and_1(counts: tuple[int, int]) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    assert 0.0 <= low <= successes / n <= high <= 1.0
    assert low < high


def test_means_of_other_numbers_are_normal() -> None:
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 1.96 / 3**0.5, 2 + 1.96 / 3**0.5), abs=1e-3)


def test_without_observations_there_is_no_interval() -> None:
    assert interval([]) is None
    assert interval([0.5]) is None
    with pytest.raises(ValueError, match="observation"):
        wilson(0, 0)
