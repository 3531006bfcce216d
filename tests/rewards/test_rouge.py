"""ROUGE, against Google's package rouge-score."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from posttrain.rewards.rouge import RougeReward, best_rouge, make_rouge_reward, rouge_words
from posttrain.rewards.types import Failed, NotApplicable

VARIANTS = ("rouge1", "rouge2", "rougeL")
SCORER = RougeScorer(list(VARIANTS), use_stemmer=False)
TEXT = st.one_of(
    st.lists(st.sampled_from(["the", "dose", "is", "5", "mg", "The", "low-dose", "don't", "."]), max_size=30).map(
        " ".join
    ),
    st.text(st.characters(max_codepoint=126, exclude_characters="_")),
)


@given(TEXT, TEXT)
def test_every_figure_equals_that_of_rouge_score(answer: str, reference: str) -> None:
    right = SCORER.score(reference, answer)
    for variant in VARIANTS:
        got = best_rouge(answer, [reference], variant)
        expected = right[variant]
        assert (got.precision, got.recall) == pytest.approx((expected.precision, expected.recall), abs=1e-12)
        assert got.f1 == pytest.approx(expected.fmeasure, abs=1e-12)


@given(TEXT, st.lists(TEXT, min_size=1, max_size=3))
def test_of_several_references_the_best_counts(answer: str, references: list[str]) -> None:
    right = SCORER.score_multi(references, answer)
    for variant in VARIANTS:
        assert best_rouge(answer, references, variant).f1 == pytest.approx(right[variant].fmeasure, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Die Übelkeit ließ nach.", ["die", "übelkeit", "ließ", "nach"]),
        ("Цена: 5 руб.", ["цена", "5", "руб"]),
        ("冬のオイル 5", ["冬", "の", "オ", "イ", "ル", "5"]),
        ("cafe\u0301 a_b", ["café", "a", "b"]),
    ],
)
def test_words_of_every_script_count(text: str, words: list[str]) -> None:
    assert rouge_words(text) == words


def test_the_reward_gives_the_chosen_figure() -> None:
    rows: list[dict[str, Any]] = [{"target": ["a b c d", "x"]}, {"target": None}, {}]
    reward = make_rouge_reward(RougeReward(kind="rouge", variant="rouge2", figure="recall"), Path())
    score, none, failed = reward(["a b"] * 3, rows)
    assert score == pytest.approx(1 / 3)
    assert isinstance(none, NotApplicable)
    assert isinstance(failed, Failed)
