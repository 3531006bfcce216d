"""Verdicts: pass, fail and inconclusive, alone and over all gates of a run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.statistics.clusters import mean_distribution
from posttrain.statistics.confidence import Proportion
from posttrain.statistics.paired import compare_paired
from posttrain.statistics.verdicts import Verdict, against_threshold, better, decide, each_pass, not_worse, verdict_of


def changed(losses: int, gains: int, n: int) -> tuple[list[float], list[float]]:
    same = [1.0] * (n - losses - gains)
    return [1.0] * losses + [0.0] * gains + same, [0.0] * losses + [1.0] * gains + same


@pytest.mark.parametrize(
    ("right", "n", "outcome"),
    [(299, 300, "pass"), (290, 300, "inconclusive"), (260, 300, "fail"), (20, 20, "inconclusive")],
)
def test_a_share_must_lie_clearly_on_one_side_of_its_threshold(right: int, n: int, outcome: str) -> None:
    verdict = against_threshold(mean_distribution([1.0] * right + [0.0] * (n - right)), 0.95, "at least")
    assert verdict.outcome == outcome
    mirrored = against_threshold(Proportion(n - right, n), 0.05, "at most")
    assert (mirrored.p_pass, mirrored.p_fail) == pytest.approx((verdict.p_pass, verdict.p_fail), abs=1e-12)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.99))
def test_a_pass_means_that_the_one_sided_bound_is_above_the_threshold(
    counts: tuple[int, int], threshold: float
) -> None:
    share = Proportion(*counts)
    verdict = against_threshold(share, threshold, "at least")
    assert (verdict.outcome == "pass") == (share.lower(0.05) >= threshold)
    assert (verdict.outcome == "fail") == (share.upper(0.05) <= threshold)


@pytest.mark.parametrize(
    ("losses", "gains", "n", "outcome"),
    [
        (0, 0, 220, "pass"),
        (12, 1, 220, "fail"),
        (4, 1, 100, "inconclusive"),
        (0, 0, 30, "inconclusive"),
        (0, 9, 100, "pass"),
    ],
)
def test_not_worse_needs_a_loss_below_the_margin(losses: int, gains: int, n: int, outcome: str) -> None:
    assert not_worse(compare_paired(*changed(losses, gains, n)), 0.02).outcome == outcome
    higher, lower = changed(losses, gains, n)
    errors = [1 - value for value in higher], [1 - value for value in lower]
    assert not_worse(compare_paired(*errors, better="lower"), 0.02).outcome == outcome


def test_a_loss_that_is_shown_to_be_smaller_than_the_margin_passes() -> None:
    comparison = compare_paired(*changed(8, 0, 1_000))
    assert comparison.p_loss < 0.01
    assert not_worse(comparison, 0.02).outcome == "pass"
    with pytest.raises(ValueError, match="margin"):
        not_worse(comparison, -0.02)


@pytest.mark.parametrize(("losses", "gains", "outcome"), [(1, 12, "pass"), (12, 1, "fail"), (6, 6, "inconclusive")])
def test_better_needs_a_gain(losses: int, gains: int, outcome: str) -> None:
    assert better(compare_paired(*changed(losses, gains, 200))).outcome == outcome


def test_fails_are_corrected_for_the_number_of_gates_and_passes_are_not() -> None:
    gates = [verdict_of(0.9, 0.03), verdict_of(0.03, 0.9), verdict_of(0.9, 0.01)]
    assert [gate.outcome for gate in gates] == ["fail", "pass", "fail"]
    assert [gate.outcome for gate in decide(gates)] == ["inconclusive", "pass", "fail"]
    assert [gate.outcome for gate in each_pass(gates)] == ["inconclusive", "inconclusive", "fail"]
    assert decide(gates)[2] == Verdict("fail", 0.9, 0.03)
    assert decide(gates[:1]) == gates[:1]
    assert decide([]) == []


def test_a_run_whose_claim_is_false_passes_in_at_most_5_percent() -> None:
    """Eight gates; seven claims are clearly true, and one share lies at its threshold of 0.9."""
    rng, passed, runs = np.random.default_rng(0), 0, 2_000
    for _ in range(runs):
        rights = [*rng.binomial(200, 0.99, size=7), rng.binomial(200, 0.9)]
        gates = [against_threshold(Proportion(right, 200), 0.9, "at least") for right in rights]
        passed += all(gate.outcome == "pass" for gate in decide(gates))
    assert passed / runs <= 0.06
