"""The columns of a source decide its convention; all rows must have it, and errors name it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import assistant, system, user
from posttrain.data.example import Example
from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.conventions import CONVENTIONS, Kind
from posttrain.data.formats.detect import convention_of
from posttrain.data.formats.examples import read_examples
from posttrain.data.skipped import Skips
from posttrain.errors import InputError


def rows(*values: dict[str, Any]) -> list[Row]:
    return [Row(f"a.jsonl:{line}", row) for line, row in enumerate(values, 1)]


def one(row: dict[str, Any], kind: Kind = "sft", columns: dict[str, str] | None = None) -> Example:
    (example,) = read_examples(rows(row), kind, columns)
    return example


Q, A, B = user("why?"), assistant("because"), assistant("no idea")


class TestColumns:
    def test_renamed_columns_are_read_and_the_row_keeps_its_own_names(self) -> None:
        row = {"question": "why?", "answer": "because", "text": "unused"}
        example = one(row, columns={"prompt": "question", "completion": "answer"})
        assert (list(example.prompt), list(example.completions[0])) == ([Q], [A])
        assert example.row == row

    def test_the_renaming_decides_between_conventions_that_fit(self) -> None:
        row = {"messages": [user("other"), B], "question": "why?", "answer": "because"}
        assert list(one(row, columns={"prompt": "question", "completion": "answer"}).prompt) == [Q]
        assert one(row).prompt[0]["content"] == "other"

    def test_a_column_may_take_the_standard_name_of_another(self) -> None:
        row = {"prompt": "because", "completion": "why?"}
        assert list(one(row, columns={"prompt": "completion", "completion": "prompt"}).prompt) == [Q]

    def test_task_and_phrasing_go_to_the_example(self) -> None:
        row = {"instruction": "why?", "output": "because", "category": "qa", "wording": 3}
        example = one(row, columns={"task": "category", "phrasing": "wording"})
        assert (example.task, example.phrasing) == ("qa", "3")

    def test_a_row_without_a_task_gets_the_source_s(self) -> None:
        base = {"prompt": "why?", "completion": "because"}
        found = read_examples(
            rows(base, {**base, "task": "b"}, {**base, "task": ""}, {**base, "task": None}), "sft", task="a"
        )
        assert [example.task for example in found] == ["a", "b", "a", "a"]

    def test_an_unknown_source_column_lists_the_file_s_and_the_nearest(self) -> None:
        with pytest.raises(InputError, match=r"^a\.jsonl:1: no column `qestion`.*`question`.*question, answer"):
            one({"question": "", "answer": ""}, columns={"prompt": "qestion", "completion": "answer"})

    def test_an_unknown_standard_column_names_the_nearest(self) -> None:
        with pytest.raises(InputError, match=r"^columns: `promt` is no standard column.*did you mean `prompt`"):
            one({"question": ""}, columns={"promt": "question"})
        with pytest.raises(InputError, match="no standard column of preference rows"):
            one({"question": ""}, "preference", columns={"completion": "question"})

    def test_names_of_two_conventions_do_not_mix(self) -> None:
        with pytest.raises(InputError, match=r"^columns: no convention has all"):
            one({"a": "", "b": ""}, columns={"prompt": "a", "output": "b"})


# name: (kind, rows before it, the bad row, what the message says)
BAD: dict[str, tuple[Kind, list[dict[str, Any]], dict[str, Any], tuple[str, ...]]] = {
    "task is a list": ("sft", [], {"text": "a", "task": ["b"]}, ("task must be a string", "a list")),
    "phrasing is a boolean": ("sft", [], {"text": "a", "phrasing": True}, ("phrasing must be a string", "a boolean")),
    "unpaired rows": ("sft", [], {"messages": [Q, A], "label": True}, ("boolean `label`", "unpaired")),
    "no convention": (
        "sft",
        [],
        {"question": "x", "answer": "y"},
        ("question, answer", "messages", "instruction, output", "columns:"),
    ),
    "no columns": ("sft", [], {}, ("the columns (none)",)),
    "missing column": (
        "sft",
        [],
        {"prompt": "x", "completions": "y"},
        ("no column `completion`", "did you mean `completions`", "columns: {completion:"),
    ),
    "missing column in a later row": (
        "sft",
        [{"prompt": "x", "completion": "y"}] * 2,
        {"prompt": "x"},
        ("no column `completion`", "has prompt", "columns:"),
    ),
    "mixed schemas": (
        "sft",
        [{"messages": [Q, A]}],
        {"prompt": "x", "completion": "y"},
        ("mixed schemas", "prompt, completion", "a.jsonl:1", "messages"),
    ),
    "preference rows for SFT": (
        "sft",
        [],
        {"chosen": "x", "rejected": "y"},
        ("sft rows are needed", "preference rows"),
    ),
    "SFT rows for preference": ("preference", [], {"messages": [Q, A]}, ("preference rows are needed", "sft rows")),
    "no preference convention": (
        "preference",
        [],
        {"better": "x", "worse": "y"},
        ("better, worse", "prompt, chosen, rejected"),
    ),
    "preference, missing column": ("preference", [], {"prompt": "x", "chosen": "y"}, ("no column `rejected`",)),
    "mixed preference schemas": (
        "preference",
        [{"prompt": "x", "chosen": "y", "rejected": "z"}],
        {"chosen": [Q, A], "rejected": [Q, B]},
        ("mixed schemas", "prompt inside", "a.jsonl:1"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_row_that_fits_no_convention_is_refused_with_its_place(case: str) -> None:
    kind, good, bad, parts = BAD[case]
    with pytest.raises(InputError) as caught:
        list(read_examples(rows(*good, bad), kind))
    message = str(caught.value)
    assert message.startswith(f"a.jsonl:{len(good) + 1}: "), message
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def test_skips_name_the_first_places_of_each_reason() -> None:
    skips = Skips()
    bad = {"prompt": "x", "completion": ""}
    good = {"prompt": "x", "completion": "y"}
    assert len(list(read_examples(rows(bad, good, bad, bad, bad, {**good, "prompt": ""}), "sft", skipped=skips))) == 1
    assert skips.lines() == [
        "4 rows skipped, empty completion: a.jsonl:1, a.jsonl:3, a.jsonl:4, ...",
        "1 row skipped, empty prompt: a.jsonl:6",
    ]


@pytest.mark.parametrize("convention", [c.name for c in CONVENTIONS])
def test_the_convention_is_named_for_plans(convention: str) -> None:
    named = {c.name: c for c in CONVENTIONS}[convention]
    row = Row("a:1", dict.fromkeys(named.required))
    assert convention_of(row, named.kind) == convention


def test_the_convention_is_named_after_renaming() -> None:
    row = Row("a:1", {"q": "", "a": ""})
    assert convention_of(row, "sft", {"prompt": "q", "completion": "a"}) == "prompt and completion"


_HH = "\n\nHuman: why?\n\nAssistant:"
_SAID = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda s: s.strip() != "")


@given(turns=st.lists(st.tuples(_SAID, _SAID), min_size=1, max_size=4), opening=st.none() | _SAID)
def test_the_same_conversation_reads_the_same_in_every_convention(
    turns: list[tuple[str, str]], opening: str | None
) -> None:
    talk = [message for question, answer in turns for message in (user(question), assistant(answer))]
    head = [system(opening)] if opening else []
    speaker = {"user": "human", "assistant": "gpt", "system": "system"}
    shared = [{"from": speaker[m["role"]], "value": m["content"]} for m in talk]
    read = [
        one({"messages": head + talk}),
        one({"messages": talk, "system": opening}),
        one({"conversations": [{"from": "system", "value": opening}] * bool(opening) + shared}),
        one({"conversations": shared, "system": opening}),
        one({"prompt": head + talk[:1], "completion": talk[1:]}),
        one({"instruction": turns[-1][0], "output": turns[-1][1], "history": turns[:-1], "system": opening}),
    ]
    assert {(str(e.prompt), str(e.completions)) for e in read} == {(str(read[0].prompt), str(read[0].completions))}
    assert read[0].prompt + read[0].completions[0] == (*head, *talk)


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", "user", "human", _HH, "[1]"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "id", "text", "name"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(data=st.data(), convention=st.sampled_from(CONVENTIONS))
def test_any_values_give_examples_or_one_sentence(data: st.DataObject, convention: Any) -> None:
    columns = dict.fromkeys([*convention.required, *convention.optional])
    row = {column: data.draw(_ODD, label=column) for column in columns}
    try:
        found, error = list(read_examples(rows(row), convention.kind)), ""
    except InputError as caught:
        found, error = [], str(caught)
    assert not error or error.startswith("a.jsonl:1: ")
    for example in found:
        messages = [*example.prompt, *(turn for turns in example.completions for turn in turns)]
        assert all(isinstance(turn["content"], str) for turn in messages)
        assert all(len(column) == len(example.completions) for column in example.columns.values())


def real(data_dir: Path, name: str, columns: dict[str, str] | None = None) -> tuple[list[Example], Counter[str]]:
    skips = Skips()
    return list(read_examples(read_rows(name, base=data_dir), "sft", columns, skipped=skips)), skips.counts


def test_real_renamed_columns(data_dir: Path) -> None:
    columns = {"prompt": "dialogue", "completion": "section_text", "task": "section_header"}
    found, counts = real(data_dir, "pharma/mts_dialog_train.csv", columns)
    assert len(found) + sum(counts.values()) == 1201
    assert len({example.task for example in found}) == 20
    found, counts = real(data_dir, "verifiable/gsm8k_train.jsonl.gz", {"prompt": "question", "completion": "answer"})
    assert (len(found), dict(counts)) == (7473, {})
    columns = {"prompt": "question", "completion": "answer"}
    found, counts = real(data_dir, "pharma/medquad_answered.jsonl.gz", columns)
    assert len(found) + sum(counts.values()) == 16412


def test_real_unpaired_rows_are_not_read_as_sft_rows(data_dir: Path) -> None:
    with pytest.raises(InputError, match="boolean `label`"):
        real(data_dir, "preference/kto_en_demo.jsonl.gz")
