"""The agreement of annotators, in verdict columns and in rankings that name their annotator."""

from typing import Any

import pytest

from advising import judged, things
from posttrain.advise.agreement import agreement_of


def ranked(count: int, *, agree: bool) -> list[dict[str, Any]]:
    """Two people's rankings of three candidates, whose ids differ between the two people."""
    rows: list[dict[str, Any]] = []
    for n, thing in enumerate(things(count)):
        for k, person in enumerate(("ann", "bo")):
            texts = [f"{thing} {t}" for t in range(3)]
            order = texts if agree or k == 0 else texts[n % 3 :] + texts[: n % 3]
            names = [f"{person}-{t}" for t in range(3)]
            candidates = [{"id": name, "text": text} for name, text in zip(names, order, strict=True)]
            ranks = {name: rank for rank, name in enumerate(names, 1)}
            rows.append({"prompt": thing, "candidates": candidates, "ranks": ranks, "annotator": person})
    return rows


def test_alpha_is_1_for_people_who_agree_and_near_0_for_people_who_do_not() -> None:
    full, chance = agreement_of(judged(200, agree=True)), agreement_of(judged(200, agree=False))
    assert full is not None
    assert chance is not None
    assert (full.people, full.pairs, full.alpha) == (3, 200, 1.0)
    assert abs(chance.alpha) < 0.15


def test_rankings_are_compared_by_the_candidates_texts_and_not_by_their_ids() -> None:
    same, other = agreement_of(ranked(60, agree=True)), agreement_of(ranked(60, agree=False))
    assert same is not None
    assert other is not None
    assert (same.people, same.pairs, same.alpha) == (2, 180, 1.0)
    assert other.alpha < 0.5


@pytest.mark.parametrize("rows", [judged(10, agree=True), ranked(60, agree=True)[::2], []])
def test_few_pairs_with_two_verdicts_give_no_agreement(rows: list[dict[str, Any]]) -> None:
    assert agreement_of(rows) is None
