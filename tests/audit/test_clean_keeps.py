"""`clean` on rows of every kind: no row is dropped that says something which no kept row says."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits import Write, by_name, lines_of, look
from posttrain.advise.agreement import agreement_of
from posttrain.audit.clean import clean_source
from posttrain.audit.rows.source import AuditSource

Row = dict[str, Any]

TEXTS = st.sampled_from(["Take two.", "take two", "Take 2.", "Do not take it.", "print([1])", "print((1))"])
PEOPLE = st.sampled_from(["anna", "bert"])
SCORES = st.sampled_from([0, 1, 1.5])


def _message(role: str) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries(
        {"role": st.just(role), "content": TEXTS}, optional={"weight": st.sampled_from([0, 1]), "name": PEOPLE}
    )


CHATS = st.tuples(_message("user"), _message("assistant")).map(list)
RANKS = st.permutations([1, 2, 3]).map(lambda ranks: {str(n): rank for n, rank in enumerate(ranks)})
CANDIDATES = st.permutations(["Take two.", "Do not take it.", "Ask a nurse."]).map(
    lambda texts: [{"id": str(n), "text": text} for n, text in enumerate(texts)]
)
SIDES = st.permutations(["Take two.", "Do not take it."])

ROWS: Mapping[str, st.SearchStrategy[Row]] = {
    "rankings": st.fixed_dictionaries(
        {"id": TEXTS, "prompt": TEXTS, "candidates": CANDIDATES, "ranks": RANKS, "annotator": PEOPLE},
        optional={"duration_ms": SCORES, "guideline_version": SCORES},
    ),
    "verdicts": st.fixed_dictionaries(
        {
            "idx": SCORES,
            "instruction": TEXTS,
            "response1": TEXTS,
            "response2": TEXTS,
            "annotator1": st.sampled_from([0, 1, 2]),
            "annotator2": st.sampled_from([0, 1, 2]),
        },
        optional={"reason": TEXTS},
    ),
    "pairs": st.builds(
        lambda row, sides: {**row, "chosen": sides[0], "rejected": sides[1]},
        st.fixed_dictionaries(
            {"id": SCORES, "prompt": TEXTS}, optional={"annotator": PEOPLE, "system": TEXTS, "meta_weight": SCORES}
        ),
        SIDES,
    ),
    "chats": st.fixed_dictionaries({"messages": CHATS}, optional={"score": SCORES, "judge": PEOPLE, "task": TEXTS}),
    "guessed": st.fixed_dictionaries({"question": TEXTS}, optional={"answer": TEXTS, "note": TEXTS}),
    "prompts": st.fixed_dictionaries({"prompt": TEXTS, "target": SCORES}, optional={"note": TEXTS}),
    "answers": st.fixed_dictionaries({"prompt": TEXTS, "completion": TEXTS}, optional={"label": SCORES}),
    "unknown": st.fixed_dictionaries(
        {"question_id": SCORES, "talk": CHATS, "judge": PEOPLE}, optional={"score": SCORES, "tags": st.lists(TEXTS)}
    ),
}


def cleaned(rows: Sequence[Row], folder: Path) -> list[Row]:
    path, out = folder / "rows.jsonl", folder / "kept.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    clean_source(AuditSource(str(path), {}), look(path), out)
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("kind", ROWS)
def test_a_dropped_row_equals_a_kept_one(kind: str) -> None:
    @settings(max_examples=25)
    @given(st.lists(ROWS[kind], min_size=2, max_size=12))
    def each(rows: list[Row]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            kept = cleaned(rows, Path(folder))
        assert [row for row in rows if row not in kept] == []

    each()


def test_a_repeated_row_is_dropped_even_if_its_number_differs(tmp_path: Path) -> None:
    rows = [{"id": n, "prompt": "How much?", "completion": "Take two."} for n in range(3)]
    assert cleaned(rows, tmp_path) == rows[:1]


def ranked(people: int, items: int, turn: Callable[[int, int], int]) -> list[Row]:
    """Rankings of three candidates by several people; `turn` says by how many places a person shifts the ranks."""
    texts = ["Take two.", "Do not take it.", "Ask a nurse."]
    return [
        {
            "id": f"item {item}",
            "prompt": f"How much of drug {item}?",
            "candidates": [{"id": str(n), "text": f"{text} Drug {item}."} for n, text in enumerate(texts)],
            "ranks": {str(n): 1 + (n + turn(item, person)) % 3 for n in range(3)},
            "annotator": f"person {person}",
        }
        for item in range(items)
        for person in range(people)
    ]


def test_agreement_is_the_same_after_cleaning(tmp_path: Path) -> None:
    rows = ranked(3, 40, lambda item, person: (item * person) % 3 // 2)
    kept = cleaned([*rows, *rows[:7]], tmp_path)
    assert kept == rows
    before, after = agreement_of(rows), agreement_of(kept)
    assert before is not None
    assert before == after


def test_an_empty_candidate_that_people_ranked_still_counts_in_their_agreement(tmp_path: Path) -> None:
    rows = ranked(2, 3, lambda item, person: person)
    rows[0]["candidates"][0]["text"] = ""
    assert cleaned(rows, tmp_path) == rows


def test_only_the_pairs_of_one_person_make_a_cycle(write: Write) -> None:
    apart = look(write("apart.jsonl", ranked(3, 30, lambda item, person: person)))
    assert not {"preference-cycle", "reversed-preference", "exact-duplicate"} & by_name(apart).keys()
    alone = [{**row, "annotator": "anna"} for row in ranked(3, 30, lambda item, person: person)]
    assert by_name(look(write("alone.jsonl", alone)))["preference-cycle"].count == 90


def test_rows_with_the_words_of_an_earlier_row_are_reported_and_not_dropped(write: Write) -> None:
    rows = [{"prompt": "Correct: i am.", "completion": words, "source": n} for n, words in enumerate(["I am.", "i am"])]
    findings = by_name(look(write("rows.jsonl", rows)))
    assert lines_of(findings["normalised-duplicate"]) == [2]
    assert findings["normalised-duplicate"].safe is None
