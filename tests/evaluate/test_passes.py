"""pass@k and pass^k of the suite `answers`."""

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from posttrain.evaluate.estimates import estimate_of
from posttrain.evaluate.passes import pass_measures
from posttrain.evaluate.sample import Sample
from suite_runs import answered, figures, written_suite

ROWS = [{"input": "a", "target": "1"}, {"input": "b", "target": "2"}, {"input": "c", "target": "3"}]
KEYS = {"metrics": "match", "temperature": 1.0, "samples": 3}


def test_a_suite_reports_both_for_each_k(tmp_path: Path) -> None:
    options = written_suite(tmp_path, ROWS, **KEYS, k=[1, 2, 3])
    answers = ["1", "x", "x", "2", "2", "2", "x", "x", "x"]
    assert figures(options, answered(options, tmp_path, answers)) == pytest.approx(
        {
            "s/match": 4 / 9,
            "s/match.pass@1": 4 / 9,
            "s/match.pass@2": (2 / 3 + 1 + 0) / 3,
            "s/match.pass^2": (0 + 1 + 0) / 3,
            "s/match.pass@3": 2 / 3,
            "s/match.pass^3": 1 / 3,
        }
    )


def test_without_k_the_key_is_that_of_the_suite(tmp_path: Path) -> None:
    options = written_suite(tmp_path, ROWS[:1], **KEYS)
    assert figures(options, answered(options, tmp_path, ["1", "x", "1"])) == {"s": 2 / 3}


def sample(question: int, repeat: int, value: float | None) -> Sample:
    return Sample(str(question), repeat, None, None, "", None, "", {"m": value})


GROUPS = st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), min_size=1, max_size=5), min_size=1, max_size=5)


@given(GROUPS, st.integers(1, 4))
def test_it_is_the_share_of_the_choices_of_k_answers(groups: list[list[float | None]], k: int) -> None:
    samples = [sample(q, r, value) for q, group in enumerate(groups) for r, value in enumerate(group)]
    scored = [[value == 1 for value in group if value is not None] for group in groups]
    choices = [list(combinations(group, k)) for group in scored if len(group) >= k]
    for measure, quantifier in zip(pass_measures("m", k), (any, all), strict=False):
        got = estimate_of(measure, samples).value
        if choices:
            shares = [sum(map(quantifier, one)) / len(one) for one in choices]
            assert got == pytest.approx(sum(shares) / len(shares))
        else:
            assert got is None


@pytest.mark.parametrize("k", [[0], [4], [2, 2]])
def test_a_wrong_k_is_refused(tmp_path: Path, k: list[int]) -> None:
    with pytest.raises(ValidationError, match="`k`"):
        written_suite(tmp_path, ROWS, **KEYS, k=k)
