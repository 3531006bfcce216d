"""Agreement from files: of verdict columns and of rankings that name their annotator."""

from typing import Any

import pytest

from advising import judged, things
from posttrain.advise.agreement import agreement_of


def ranked(count: int, *, agree: bool) -> list[dict[str, Any]]:
    """Two people's rankings of three candidates, whose names differ between the two."""
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


def test_people_who_agree_and_people_who_do_not() -> None:
    one, none = agreement_of(judged(200, agree=True)), agreement_of(judged(200, agree=False))
    assert one is not None
    assert none is not None
    assert (one.people, one.pairs, one.alpha) == (3, 200, 1.0)
    assert abs(none.alpha) < 0.15


def test_rankings_are_compared_by_what_was_ranked_not_by_its_name() -> None:
    same, other = agreement_of(ranked(60, agree=True)), agreement_of(ranked(60, agree=False))
    assert same is not None
    assert other is not None
    assert (same.people, same.pairs, same.alpha) == (2, 180, 1.0)
    assert other.alpha < 0.5


@pytest.mark.parametrize("rows", [judged(10, agree=True), ranked(60, agree=True)[::2], []])
def test_too_little_shared_says_nothing(rows: list[dict[str, Any]]) -> None:
    assert agreement_of(rows) is None
