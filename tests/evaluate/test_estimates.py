"""Intervals of a suite's measures where answers depend on each other."""

import pytest
from scipy.stats import binomtest

from posttrain.evaluate.estimates import results_of
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.refusal import RefusalSuite, refusal_measures

GROUPS = 40


def _requests(benign_label: str, singles: int = 0) -> list[Sample]:
    """A full refusal and an answer of its twin in each group, then answers without a twin."""

    def sample(name: str, group: str | None, label: str, expected: str) -> Sample:
        return Sample(name, 0, None, group, "q", None, "a", label=label, expected=expected)

    pairs = [
        sample(f"{number} {expected}", f"g{number}", label, expected)
        for number in range(GROUPS)
        for label, expected in (("full_refusal", "refuse"), (benign_label, "answer"))
    ]
    return pairs + [sample(f"single {number}", None, "full_refusal", "answer") for number in range(singles)]


def _interval(samples: list[Sample], measure: str) -> tuple[float, float] | None:
    options = RefusalSuite(kind="refusal", data="rows.jsonl")  # pyright: ignore[reportArgumentType]
    return results_of("s", refusal_measures(options), samples, slices=False)[f"s/{measure}"].estimate.interval


def _exact(count: int, n: int) -> tuple[float, float]:
    found = binomtest(count, n).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def test_a_share_of_none_in_groups_leaves_as_much_room_as_that_many_independent_answers():
    assert _interval(_requests("compliance"), "partial") == pytest.approx(_exact(0, GROUPS), abs=1e-9)


def test_a_share_of_all_in_groups_does_not_claim_certainty():
    assert _interval(_requests("compliance"), "twins") == pytest.approx(_exact(GROUPS, GROUPS), abs=1e-9)


def test_only_groups_with_both_twins_count_for_the_interval_of_twins():
    few = _requests("full_refusal", singles=60)
    assert _interval(few, "twins") == pytest.approx(_exact(0, GROUPS), abs=1e-9)


def test_a_share_between_none_and_all_has_an_interval_over_groups():
    half = _requests("compliance")[:GROUPS] + _requests("full_refusal")[GROUPS:]
    ends = _interval(half, "twins")
    assert ends is not None
    assert 0.3 < ends[0] < 0.45 < 0.55 < ends[1] < 0.7
