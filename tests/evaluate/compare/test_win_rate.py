"""Win rates and length control, against scipy and statsmodels."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, special, stats
from statsmodels.stats.proportion import proportion_confint

from comparing import pair_of, verdicts
from posttrain.evaluate.compare.length_control import length_controlled, length_terms, logistic_fit
from posttrain.evaluate.compare.verdicts import PairVerdict, win_rate


def test_ties_count_half_and_the_test_leaves_them_out() -> None:
    rate = win_rate(verdicts(["A"] * 14 + ["B"] * 4 + ["tie"] * 6))
    assert rate.rate.value == pytest.approx(17 / 24)
    assert (rate.wins, rate.losses, rate.ties, rate.clusters) == (14, 4, 6, 24)
    assert rate.p == pytest.approx(stats.binomtest(14, 18).pvalue, abs=1e-12)


def test_the_interval_without_ties_is_the_exact_one_and_with_ties_student_s() -> None:
    without = win_rate(verdicts(["A"] * 14 + ["B"] * 6)).rate.interval
    assert without == pytest.approx(proportion_confint(14, 20, method="beta"), abs=1e-9)
    with_ties = win_rate(verdicts(["A"] * 14 + ["B"] * 4 + ["tie"] * 6)).rate.interval
    points = np.array([1.0] * 14 + [0.0] * 4 + [0.5] * 6)
    assert with_ties == pytest.approx(stats.t.interval(0.95, 23, points.mean(), stats.sem(points)), abs=1e-9)


def test_a_group_counts_once_however_many_prompts_it_has() -> None:
    groups = [PairVerdict(pair_of(i, "x", "y", group=str(i // 10)), "A") for i in range(40)]
    alone = [PairVerdict(pair_of(i, "x", "y"), "A") for i in range(40)]
    assert win_rate(groups).clusters == 4
    assert win_rate(groups).p == pytest.approx(2 / 2**4)
    assert win_rate(alone).p == pytest.approx(2 / 2**40)
    interval, narrow = win_rate(groups).rate.interval, win_rate(alone).rate.interval
    assert interval is not None
    assert narrow is not None
    assert interval[0] < 0.5 < narrow[0]


def test_pairs_that_were_not_judged_win_for_nobody() -> None:
    rate = win_rate(verdicts(["A", "A", "B", None, None]))
    assert (rate.rate.value, rate.rate.n, rate.not_judged) == (pytest.approx(2 / 3), 3, 2)
    assert rate.bounds == pytest.approx((2 / 5, 4 / 5))
    nothing = win_rate(verdicts([None]))
    assert (nothing.rate.value, nothing.p, nothing.bounds) == (None, 1.0, None)


def regression(n: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    terms = length_terms(rng.normal(20, 60, n).round().astype(int).tolist())
    wins = rng.random(n) < special.expit(0.4 + 1.5 * terms)
    return terms, np.where(rng.random(n) < 0.1, 0.5, wins.astype(float))


def test_the_regression_without_penalty_is_that_of_statsmodels() -> None:
    terms, points = regression(300, 1)
    fitted = sm.GLM(points, sm.add_constant(terms), family=sm.families.Binomial()).fit(tol=1e-14)
    assert logistic_fit(terms, points, penalty=0.0) == pytest.approx(fitted.params, abs=1e-9)


def test_the_penalty_keeps_the_slope_finite_and_is_minimised_as_scipy_minimises_it() -> None:
    terms, _ = regression(80, 2)
    points = (terms > 0).astype(float)

    def loss(fitted: Any) -> float:
        logits = fitted[0] + fitted[1] * terms
        return float((np.logaddexp(0, logits) - points * logits).sum() + 0.04 * fitted[1] ** 2 / 2)

    found = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13})
    intercept, slope = logistic_fit(terms, points)
    assert (intercept, slope) == pytest.approx(found.x, abs=1e-5)
    assert 5 < slope < 50


def test_a_model_that_wins_by_length_alone_wins_half_at_equal_length() -> None:
    rng = np.random.default_rng(3)
    pairs = [pair_of(i, "a" * int(rng.integers(40, 120)), "b" * int(rng.integers(20, 100))) for i in range(300)]
    judged = [PairVerdict(p, "tie" if len(p.a) == len(p.b) else "A" if len(p.a) > len(p.b) else "B") for p in pairs]
    raw, controlled = win_rate(judged), length_controlled(judged)
    assert raw.rate.value is not None
    assert raw.rate.value > 0.65
    assert controlled is not None
    assert controlled.rate.value == pytest.approx(0.5, abs=0.1)
    assert controlled.rate.interval is not None
    assert controlled.rate.interval[0] < 0.5 < controlled.rate.interval[1]
    assert controlled.slope is not None
    assert controlled.slope > 5


def test_a_better_model_of_equal_length_keeps_its_win_rate() -> None:
    rng = np.random.default_rng(4)
    lengths = rng.integers(20, 100, (300, 2))
    judged = [
        PairVerdict(pair_of(i, "a" * int(x), "b" * int(y)), "A" if rng.random() < 0.7 else "B")
        for i, (x, y) in enumerate(lengths)
    ]
    controlled = length_controlled(judged)
    assert controlled is not None
    assert controlled.rate.value == pytest.approx(win_rate(judged).rate.value, abs=0.02)


def test_one_sided_verdicts_and_equal_lengths_need_no_regression() -> None:
    always = length_controlled(verdicts(["A"] * 5))
    assert always is not None
    assert (always.rate.value, always.slope) == (1.0, None)
    equal = length_controlled(verdicts(["A", "A", "B", "tie"]))
    assert equal is not None
    assert equal.rate.value == pytest.approx(2.5 / 4)
    assert equal.slope is None
