"""pass@k and pass^k against HumanEval's code and exact fractions."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.statistics.repeats import pass_at_k, pass_hat_k

CASES = st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


def human_eval(n: int, c: int, k: int) -> float:
    """The numerically stable form in figure 3 of arXiv:2107.03374."""
    return 1.0 if n - c < k else float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


@given(CASES)
def test_pass_at_k_is_human_evals_and_exact(case: tuple[int, int, int]) -> None:
    n, c, k = case
    assert pass_at_k(n, c, k) == pytest.approx(human_eval(n, c, k), abs=1e-9)
    assert pass_at_k(n, c, k) == pytest.approx(float(1 - Fraction(comb(n - c, k), comb(n, k))), abs=1e-12)


@given(CASES)
def test_pass_hat_k_is_exact(case: tuple[int, int, int]) -> None:
    n, c, k = case
    assert pass_hat_k(n, c, k) == pytest.approx(float(Fraction(comb(c, k), comb(n, k))), abs=1e-12)


def test_one_sample_is_the_share_of_right_samples() -> None:
    assert pass_at_k(10, 3, 1) == pytest.approx(pass_hat_k(10, 3, 1)) == pytest.approx(0.3)


def test_k_must_lie_within_the_samples() -> None:
    for k in (0, 6):
        with pytest.raises(ValueError, match="number of samples, 5"):
            pass_at_k(5, 2, k)
    with pytest.raises(ValueError, match="6 of 5"):
        pass_hat_k(5, 6, 1)
