"""Rankings of other tools and data sets are imported; an error names file and line."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from annotating import START
from posttrain.annotate.db.store import locked_project, reading, writing
from posttrain.annotate.exchange.add_imports import add_imports
from posttrain.annotate.exchange.imports import read_imports
from posttrain.annotate.exchange.row_parsing import ImportedItem
from posttrain.annotate.insight.annotator_stats import people_figures
from posttrain.annotate.insight.judgments import read_judgments
from posttrain.annotate.insight.project_agreement import measure_agreement
from posttrain.annotate.work.projects import new_project
from posttrain.annotate.work.settings import Settings
from posttrain.errors import InputError

RANKING = {
    "id": "r1",
    "prompt": "Hi?",
    "candidates": [{"id": "c1", "text": "A", "model": "m", "params_hash": "h"}, {"id": "c2", "text": "B"}],
}
MT_BENCH = {
    "question_id": 81,
    "model_a": "alpha",
    "model_b": "beta",
    "winner": "model_b",
    "judge": "expert_0",
    "turn": 1,
    "conversation_a": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}],
    "conversation_b": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "B"}],
}
ARGILLA_1 = {
    "id": "x",
    "fields": {"prompt": "Q", "r1": "A", "r2": "B"},
    "responses": [
        {
            "user_id": "u1",
            "status": "submitted",
            "values": {"rank": {"value": [{"value": "r2", "rank": 1}, {"value": "r1", "rank": 2}]}},
        },
        {"user_id": "u2", "status": "discarded", "values": {"rank": {"value": [{"value": "r2", "rank": 1}]}}},
    ],
}
ARGILLA_2 = {
    "id": "x",
    "fields": {"prompt": "Q", "r1": "A", "r2": "B"},
    "responses": {"rank": [{"user_id": "u1", "value": [{"value": "r2", "rank": 1}, {"value": "r1", "rank": 1}]}]},
}
LABEL_STUDIO = {
    "id": 7,
    "data": {
        "prompt": "Q",
        "items": [{"id": "a", "title": "one", "body": "A"}, {"id": "b", "title": "two", "body": "B"}],
    },
    "annotations": [
        {
            "completed_by": {"email": "ann@example.org"},
            "lead_time": 4.5,
            "result": [{"type": "ranker", "value": {"ranker": {"_": ["b", "a"]}}}],
        }
    ],
}
PAIRWISE = {
    "id": 8,
    "data": {"prompt": "Q", "answer1": "A", "answer2": "B"},
    "annotations": [{"completed_by": 3, "result": [{"type": "pairwise", "value": {"selected": "left"}}]}],
}


def read(tmp_path: Path, *rows: Any) -> list[ImportedItem]:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(read_imports("rows.jsonl", base=tmp_path))


READ: dict[str, tuple[dict[str, Any], str, dict[str, int], str]] = {
    "MT-bench": (MT_BENCH, "81/1/alpha/beta", {"1": 2, "2": 1}, "expert_0"),
    "Argilla 1": (ARGILLA_1, "x", {"r1": 2, "r2": 1}, "u1"),
    "Argilla 2": (ARGILLA_2, "x", {"r1": 1, "r2": 1}, "u1"),
    "Label Studio ranker": (LABEL_STUDIO, "7", {"a": 2, "b": 1}, "ann@example.org"),
    "Label Studio pairwise": (PAIRWISE, "8", {"answer1": 1, "answer2": 2}, "3"),
}


@pytest.mark.parametrize("case", READ)
def test_a_ranking_of_another_tool_is_read(case: str, tmp_path: Path) -> None:
    row, name, ranks, person = READ[case]
    (found,) = read(tmp_path, row)
    assert found.item.name == name
    assert [candidate["text"] for candidate in found.item.candidates] == ["A", "B"]
    assert "Q" in json.dumps(found.item.prompt)
    assert [(vote.person, dict(vote.ranks)) for vote in found.votes] == [(person, ranks)]


def test_rankings_of_one_item_by_several_people_are_merged(tmp_path: Path) -> None:
    rows = [{**RANKING, "ranks": {"c1": 1, "c2": n}, "annotator": f"p{n}"} for n in (1, 2, 9)]
    (found,) = read(tmp_path, *rows)
    assert [(v.person, v.ranks["c2"]) for v in found.votes] == [("p1", 1), ("p2", 2), ("p9", 2)]
    assert found.item.candidates[0] == RANKING["candidates"][0]


WRONG: dict[str, tuple[Any, str]] = {
    "no convention": ({"question": "?"}, "rows.jsonl:1: the columns"),
    "a candidate too few": ({**RANKING, "candidates": [{"id": 1, "text": "A"}]}, "2 to 26, this one has 1"),
    "too many": ({**RANKING, "candidates": [{"id": n, "text": "A"} for n in range(27)]}, "this one has 27"),
    "an id that is none": ({**RANKING, "id": {"a": 1}}, "id must be a text"),
    "an id too long": ({**RANKING, "id": "x" * 201}, "longer than 200"),
    "a person who is a list": ({**RANKING, "ranks": {"c1": 1, "c2": 2}, "annotator": ["x"]}, "annotator must be"),
    "an order that is none": ({**RANKING, "ranks": {"c1": 1, "c2": 2}, "shown_order": 5}, "shown_order must be a list"),
    "time that runs back": ({**RANKING, "ranks": {"c1": 1, "c2": 2}, "duration_ms": -5}, "0 or more"),
    "a priority in words": ({**RANKING, "priority": "high"}, "priority must be a whole number"),
    "a slice that is a list": ({**RANKING, "slice": ["x"]}, "slice must be a text"),
    "Argilla's responses, a number": ({**ARGILLA_2, "responses": {"rank": 5}}, "responses must be a list"),
    "Argilla's response, a number": ({**ARGILLA_1, "responses": [5]}, r"responses\[0\] must be an object"),
    "Argilla's rank of nothing": ({**ARGILLA_2, "responses": {"rank": [{"value": [{"rank": 1}]}]}}, "no field"),
    "Argilla's fields, a list": ({**ARGILLA_2, "fields": []}, "fields must be an object"),
    "an annotation that is none": ({**PAIRWISE, "annotations": [5]}, r"annotations\[0\] must be an object"),
    "a choice that is none": (
        {**PAIRWISE, "annotations": [{"result": [{"type": "pairwise", "value": "left"}]}]},
        "value must be an object",
    ),
    "a ranker that is none": (
        {**LABEL_STUDIO, "annotations": [{"result": [{"type": "ranker", "value": {"ranker": 5}}]}]},
        "ranker must be an object",
    ),
    "no text": ({**RANKING, "candidates": [{"id": 1}, {"id": 2, "text": "B"}]}, r"candidates\[0\]"),
    "an id twice": ({**RANKING, "candidates": [{"id": 1, "text": "A"}, {"id": "1", "text": "B"}]}, "the id `1`"),
    "a candidate unranked": ({**RANKING, "ranks": {"c1": 1}}, "must rank c1, c2"),
    "a rank that is none": ({**RANKING, "ranks": {"c1": "first", "c2": 2}}, "ranks.c1 must be a number"),
    "an order of others": ({**RANKING, "ranks": {"c1": 1, "c2": 2}, "shown_order": ["c1"]}, "every candidate once"),
    "gold of others": ({**RANKING, "gold": {"x": 1}}, "gold must rank"),
    "a NUL": ({**RANKING, "prompt": "a\0b"}, "NUL"),
    "no winner": ({**MT_BENCH, "winner": "both"}, "winner must be"),
    "other questions": (
        {**MT_BENCH, "conversation_b": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "B"}]},
        "different questions",
    ),
    "no such field": ({**ARGILLA_2, "fields": {"prompt": "Q", "r1": "A"}}, "names r2"),
    "no prompt": ({**PAIRWISE, "data": {"a": "A", "b": "B"}}, "no prompt"),
    "a vote of three": (
        {"idx": 0, "instruction": "Q", "response1": "A", "response2": "B", "annotator1": 3},
        "annotator1 must be 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_malformed_row_gives_a_one_line_error_with_its_place(case: str, tmp_path: Path) -> None:
    row, expected = WRONG[case]
    with pytest.raises(InputError, match=expected) as caught:
        read(tmp_path, row)
    assert "rows.jsonl:1" in str(caught.value)


def test_one_id_with_other_candidates_is_refused(tmp_path: Path) -> None:
    other = {**RANKING, "candidates": [{"id": "c1", "text": "A"}, {"id": "c2", "text": "C"}]}
    for row in (other, {**RANKING, "prompt": "Another?"}):
        with pytest.raises(InputError, match=r"rows.jsonl:2: r1 has another .* than at rows.jsonl:1"):
            read(tmp_path, RANKING, row)


def test_rows_without_an_id_are_named_by_a_hash_of_their_content(tmp_path: Path) -> None:
    row = {name: value for name, value in RANKING.items() if name != "id"}
    ranked = [{**row, "ranks": {"c1": 1, "c2": 2}, "annotator": name} for name in ("ann", "bob")]
    first, second = read(tmp_path, *ranked, {**row, "prompt": "Another?"})
    assert [vote.person for vote in first.votes] == ["ann", "bob"]
    assert first.item.name != second.item.name
    (again,) = read(tmp_path, {**row, "prompt": "Another?"})
    assert again.item.name == second.item.name, "whatever its line"


def imported(engine: Engine, tmp_path: Path, *rows: Any) -> dict[str, int]:
    with writing(engine) as connection:
        project = new_project(connection, "Tone", Settings(), START, by=None)
        return add_imports(connection, project.id, iter(read(tmp_path, *rows)), START, by=None)


def test_a_name_with_different_case_and_spaces_is_one_person(engine: Engine, tmp_path: Path) -> None:
    rows = [
        {**RANKING, "id": f"r{n}", "ranks": {"c1": 1, "c2": 2}, "annotator": name}
        for n, name in enumerate(("Ann Abara", " ann  abara", "ANN ABARA"))
    ]
    again = {**rows[0], "annotator": "ann abara", "ranks": {"c1": 2, "c2": 1}}
    counts = imported(engine, tmp_path, *rows, again)
    assert counts == {"items": 3, "judgments": 3, "people": 1, "known already": 0}


def test_an_invalid_annotator_name_is_refused_with_its_place(engine: Engine, tmp_path: Path) -> None:
    row = {**RANKING, "ranks": {"c1": 1, "c2": 2}, "annotator": "x" * 100}
    with pytest.raises(InputError, match=r"rows.jsonl:1: the annotator 'xxx.*1 to 80 printable"):
        imported(engine, tmp_path, row)


def test_pandalms_agreement_is_the_same_in_the_database_as_in_its_file(engine: Engine, data_dir: Path) -> None:
    with writing(engine) as connection:
        project = new_project(connection, "PandaLM", Settings(), START, by=None)
        source = str(data_dir / "preference/pandalm_testset_v1.jsonl.gz")
        counts = add_imports(connection, project.id, read_imports(source), START, by=None)
    assert counts == {"items": 999, "judgments": 2997, "people": 3, "known already": 0}
    with reading(engine) as connection:
        judged = read_judgments(connection, locked_project(connection, project.id))
        figures = measure_agreement(judged, draws=50)
        people = people_figures(connection, judged, project)
    assert figures["fleiss_kappa"].value == pytest.approx(0.8642, abs=5e-5)
    assert figures["fleiss_kappa"].interval is not None
    low, high = figures["fleiss_kappa"].interval
    assert low < 0.8642 < high
    assert [one["judgments"] for one in people] == [999] * 3
    with writing(engine) as connection:
        again = add_imports(connection, project.id, read_imports(source), START, by=None)
    assert again == {"items": 0, "judgments": 0, "people": 0, "known already": 999}
