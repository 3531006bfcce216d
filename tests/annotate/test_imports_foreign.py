"""A verdict of another tool stays with its texts; an ambiguous file is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from annotating import START
from posttrain.annotate.db.store import locked_project, reading, writing
from posttrain.annotate.exchange.add_imports import add_imports
from posttrain.annotate.exchange.export import ExportOptions, export_rows
from posttrain.annotate.exchange.imports import read_imports
from posttrain.annotate.exchange.row_parsing import ImportedItem
from posttrain.annotate.work.projects import new_project
from posttrain.annotate.work.settings import Settings
from posttrain.data.files.read import Row
from posttrain.data.formats.examples import read_examples
from posttrain.errors import InputError

LEFT = {"selected": "left"}


def pairwise(data: dict[str, Any], *names: str | None, value: Any = None) -> dict[str, Any]:
    """A task that one person for each of `names` (their `to_name`) has decided for the left side, or for `value`."""
    annotations = [
        {"completed_by": n, "result": [{"type": "pairwise", "to_name": name, "value": value or LEFT}]}
        for n, name in enumerate(names, 1)
    ]
    return {"id": 1, "data": data, "annotations": annotations}


def ranker(data: dict[str, Any], **buckets: list[str]) -> dict[str, Any]:
    result = {"type": "ranker", "from_name": "r", "to_name": "l", "value": {"ranker": buckets}}
    return {"id": 1, "data": data, "annotations": [{"completed_by": 1, "result": [result]}]}


def argilla(fields: dict[str, Any], *order: str, more: dict[str, Any] | None = None) -> dict[str, Any]:
    ranked = [{"value": name, "rank": rank} for rank, name in enumerate(order, 1)]
    return {"id": "x", "fields": fields, "responses": {"best": [{"user_id": "u", "value": ranked}], **(more or {})}}


def read(tmp_path: Path, row: dict[str, Any]) -> ImportedItem:
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    (found,) = read_imports("rows.json", base=tmp_path)
    return found


ITEMS = [{"id": "p", "title": "Ann's", "body": "Good"}, {"id": "q", "title": "Bob's", "body": "Bad"}]
REPLIES = {"one": "Good", "two": "Bad"}
CHAT = [{"role": "user", "content": "Ask"}, {"role": "assistant", "content": "What?"}, {"role": "user", "content": "!"}]

RIGHT: dict[str, tuple[dict[str, Any], Any]] = {
    "columns in the order of to_name": (pairwise({"prompt": "Ask", "a": "Good", "b": "Bad"}, "a,b"), "Ask"),
    "columns in the other order": (pairwise({"prompt": "Ask", "b": "Bad", "a": "Good"}, "a, b"), "Ask"),
    "a left side whose name sorts last": (pairwise({"prompt": "Ask", "a": "Bad", "b": "Good"}, "b,a"), "Ask"),
    "further texts before and between": (
        pairwise({"source": "shop", "a": "Good", "note": "n", "b": "Bad", "question": "Ask"}, "a,b"),
        "Ask",
    ),
    "a text beside the prompt": (pairwise({"text": "T", "instruction": "Ask", "a": "Good", "b": "Bad"}, "a,b"), "Ask"),
    "sides that are named as questions are": (
        pairwise({"text": "Ask", "prompt": "Good", "b": "Bad"}, "prompt,b"),
        "Ask",
    ),
    "tags numbered as their columns are": (
        pairwise({"prompt": "Ask", "text2": "Bad", "text1": "Good"}, "txt-1,txt-2"),
        "Ask",
    ),
    "no to_name, and two texts": (pairwise({"prompt": "Ask", "a": "Good", "b": "Bad"}, None), "Ask"),
    "a prompt of messages": (pairwise({"prompt": CHAT, "a": "Good", "b": "Bad"}, "a,b"), CHAT),
    "a list of tags before the items": (
        ranker({"tags": ["x"], "prompt": "Ask", "items": ITEMS}, rank=["p", "q"]),
        "Ask",
    ),
    "two lists of items": (
        ranker({"sources": [{"id": "s", "body": "S"}], "prompt": "Ask", "items": ITEMS}, rank=["p", "q"]),
        "Ask",
    ),
    "an empty bucket beside the order": (ranker({"prompt": "Ask", "items": ITEMS}, _=[], best=["p", "q"]), "Ask"),
    "html": (
        ranker(
            {"prompt": "Ask", "i": [{"id": 1, "html": "Good"}, {"id": 2, "html": "Bad", "body": ""}]}, rank=["1", "2"]
        ),
        "Ask",
    ),
    "a null field": (argilla({"instruction": "Ask", "context": None, **REPLIES}, "one", "two"), "Ask"),
    "an instruction and its input": (argilla({"instruction": "A", "input": "B", **REPLIES}, "one", "two"), "A\n\nB"),
    "a chat": (argilla({"chat": CHAT, **REPLIES}, "one", "two"), CHAT),
    "fields about models": (
        argilla({"prompt": "Ask", "generation_model": "['m1','m2']", "Model B": "m2", **REPLIES}, "one", "two"),
        "Ask",
    ),
    "one field of another name": (argilla({"ticket": "Ask", **REPLIES}, "one", "two"), "Ask"),
}


@pytest.mark.parametrize("case", RIGHT)
def test_the_better_text_and_the_prompt_are_those_that_people_saw(case: str, tmp_path: Path) -> None:
    row, prompt = RIGHT[case]
    found = read(tmp_path, row)
    texts = {candidate["id"]: candidate["text"] for candidate in found.item.candidates}
    (vote,) = found.votes
    assert [texts[name] for name in sorted(texts, key=lambda name: vote.ranks[name])] == ["Good", "Bad"]
    assert found.item.prompt == prompt


def test_the_left_side_is_read_for_each_person(tmp_path: Path) -> None:
    found = read(tmp_path, pairwise({"prompt": "Ask", "a": "A", "b": "B"}, "a,b", "b,a"))
    assert [vote.ranks for vote in found.votes] == [{"a": 1, "b": 2}, {"b": 1, "a": 2}]


UNDECIDED: dict[str, tuple[dict[str, Any], str]] = {
    "tags of other names": (pairwise({"prompt": "Ask", "x": "A", "y": "B"}, "left,right"), "left, right.*x, y"),
    "three texts and no to_name": (pairwise({"prompt": "Ask", "a": "A", "b": "B", "c": "C"}, None), "a, b, c"),
    "one column on both sides": (pairwise({"prompt": "Ask", "a": "A", "b": "B"}, "a,a"), "to_name"),
    "other columns for another person": (
        pairwise({"prompt": "Ask", "a": "A", "b": "B", "c": "C"}, "a,b", "a,c"),
        "different columns",
    ),
    "two questions": (pairwise({"prompt": "Ask", "question": "?", "a": "A", "b": "B"}, "a,b"), "prompt and question"),
    "no side": (pairwise({"prompt": "Ask", "a": "A", "b": "B"}, "a,b", value={"selected": "none"}), "left or right"),
    "several buckets": (ranker({"prompt": "Ask", "items": ITEMS}, good=["p"], bad=["q"]), "good, bad"),
    "an item not placed": (ranker({"prompt": "Ask", "items": ITEMS}, best=["p"], _=["q"]), "best, _"),
    "nothing placed": (ranker({"prompt": "Ask", "items": ITEMS}, _=["p", "q"]), "bucket"),
    "an item twice": (ranker({"prompt": "Ask", "items": ITEMS}, best=["p", "q", "p"]), "twice"),
    "two lists with the ids": (ranker({"prompt": "Ask", "i": ITEMS, "j": ITEMS}, best=["p", "q"]), "i, j"),
    "an item without a text": (ranker({"prompt": "Ask", "i": [{"id": "p"}, ITEMS[1]]}, best=["p", "q"]), "one text"),
    "choices": (
        {"data": {"prompt": "Ask", "a": "A", "b": "B"}, "annotations": [{"result": [{"type": "choices"}]}]},
        "only choices",
    ),
    "two verdicts of one person": (
        {
            "data": {"prompt": "Ask", "a": "A", "b": "B"},
            "annotations": [
                {"result": [{"type": "pairwise", "from_name": n, "value": LEFT} for n in ("kind", "true")]}
            ],
        },
        "kind, true",
    ),
    "a field that may be the prompt": (argilla({"prompt": "Ask", "origin": "shop", **REPLIES}, "one", "two"), "origin"),
    "a chat beside a text": (argilla({"prompt": "Ask", "context": CHAT, **REPLIES}, "one", "two"), "context"),
    "models alone": (argilla({"model": "m", **REPLIES}, "one", "two"), "no field"),
    "two rankings of one person": (
        argilla(
            {"prompt": "Ask", **REPLIES},
            "one",
            "two",
            more={"kinder": [{"user_id": "u", "value": [{"value": n, "rank": 1} for n in REPLIES]}]},
        ),
        "best, kinder",
    ),
    "names without ranks": ({"fields": REPLIES, "responses": {"best": [{"value": ["one", "two"]}]}}, "value, rank"),
    "a vote that is a list": (
        {"instruction": "Ask", "response1": "A", "response2": "B", "annotator1": [1]},
        "annotator1",
    ),
}


@pytest.mark.parametrize("case", UNDECIDED)
def test_an_ambiguous_row_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    row, expected = UNDECIDED[case]
    with pytest.raises(InputError, match=expected) as caught:
        read(tmp_path, row)
    assert "rows.json:1" in str(caught.value)


def conversation(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


TWO_TURNS = {
    "question_id": 1,
    "model_a": "alpha",
    "model_b": "beta",
    "winner": "model_b",
    "judge": "ann",
    "turn": 2,
    "conversation_a": conversation("Q1", "first of a", "Q2", "second of a"),
    "conversation_b": conversation("Q1", "first of b", "Q2", "second of b"),
}


def test_a_judgment_of_the_second_turn_keeps_the_first_one(tmp_path: Path) -> None:
    found = read(tmp_path, TWO_TURNS)
    assert found.item.prompt == conversation("Q1")
    for letter, candidate in zip("ab", found.item.candidates, strict=True):
        assert [one["content"] for one in candidate["turns"]] == [f"first of {letter}", "Q2", f"second of {letter}"]
        assert all(text in candidate["text"] for text in (f"first of {letter}", "Q2", f"second of {letter}"))
    same = {**TWO_TURNS, "conversation_b": conversation("Q1", "first of a", "Q2", "second of b")}
    found = read(tmp_path, same)
    assert found.item.prompt == conversation("Q1", "first of a", "Q2")
    assert [candidate["text"] for candidate in found.item.candidates] == ["second of a", "second of b"]
    found = read(tmp_path, {**TWO_TURNS, "turn": 1})
    assert [candidate["text"] for candidate in found.item.candidates] == ["first of a", "first of b"]


@pytest.mark.parametrize("what", ["pairs", "rankings"])
def test_training_reads_both_turns_of_an_exported_judgment(engine: Engine, tmp_path: Path, what: Any) -> None:
    with writing(engine) as connection:
        project = new_project(connection, "Bench", Settings(), START, by=None)
        add_imports(connection, project.id, iter([read(tmp_path, TWO_TURNS)]), START, by=None)
    with reading(engine) as connection:
        rows, _ = export_rows(connection, locked_project(connection, project.id), ExportOptions(what=what))
    (example,) = read_examples((Row("train.jsonl:1", row) for row in rows), "preference")
    best = example.completions[example.columns["rank"].index(1.0)]
    assert [(turn["role"], turn["content"]) for turn in (*example.prompt, *best)] == [
        ("user", "Q1"),
        ("assistant", "first of b"),
        ("user", "Q2"),
        ("assistant", "second of b"),
    ]
