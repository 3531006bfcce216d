"""Every part of a row is rendered or noted as left out, and answers marked as not to be learnt bear no loss."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conversations import CHATML, UNMARKED_CHATML, renderer, taught
from posttrain.core.group import Group
from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example
from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.conventions import Kind
from posttrain.data.formats.examples import read_examples
from posttrain.data.row_notes import RowNote
from posttrain.data.skipped import Skips
from posttrain.errors import InputError

THINKS = CHATML.replace(
    "{{- message.content or '' }}",
    "{% if message.thinking %}<think>{{ message.thinking }}</think>{% endif %}{{- message.content or '' }}",
)
ASKS = {"role": "user", "content": "How much?"}


def read(values: dict[str, Any], kind: Kind = "sft", skips: Skips | None = None) -> Example:
    (example,) = read_examples([Row("a.jsonl:1", values)], kind, skipped=skips)
    return example


def encoded(values: dict[str, Any], how: Renderer) -> tuple[Group | str, dict[str, int]]:
    how.seen.clear()
    return encode_example(read(values), how), dict(how.seen)


def talk(*answers: dict[str, Any]) -> dict[str, Any]:
    """A conversation in which each answer follows a question."""
    turns = [turn for answer in answers for turn in (ASKS, {"role": "assistant", **answer})]
    return {"messages": turns}


@pytest.mark.parametrize("template", [CHATML, UNMARKED_CHATML], ids=["marked", "unmarked"])
@pytest.mark.parametrize("flag", ["weight", "train", "trainable", "training", "loss", "loss_mask"])
@pytest.mark.parametrize("no", [0, False, 0.0])
def test_an_answer_marked_as_not_to_be_learnt_bears_no_loss(flag: str, no: Any, template: str, qwen: Any) -> None:
    group, _ = encoded(
        talk({"content": "Forty."}, {"content": "One.", flag: no}, {"content": "Two.", flag: 1}),
        renderer(qwen, template),
    )
    assert isinstance(group, Group)
    assert taught(group, qwen) == "Forty.<|im_end|>Two.<|im_end|>"
    group, _ = encoded(talk({"content": "Forty.", flag: no}), renderer(qwen, template))
    assert group == "every answer is marked as not to be learnt"


def test_flags_and_reasoning_beside_from_and_value_are_read_too(qwen: Any) -> None:
    rows = {
        "conversations": [
            {"from": "human", "value": "Dose?", "role": None},
            {"from": "gpt", "value": "Ten.", "weight": 0},
            {"from": "human", "value": "Sure?"},
            {"from": "gpt", "value": "One.", "thinking": "less"},
        ]
    }
    group, seen = encoded(rows, renderer(qwen, CHATML))
    assert isinstance(group, Group)
    assert taught(group, qwen) == "One.<|im_end|>"
    assert seen == {"reasoning dropped": 1}


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"content": "a", "weight": -0.5}, r"messages\[1\]\.weight is -0\.5"),
        ({"content": "a", "weight": 101}, r"messages\[1\]\.weight is 101"),
        ({"content": "a", "train": 0.5}, r"messages\[1\]\.train is 0\.5"),
        ({"content": "a", "weight": 0.5, "loss_scale": 2}, r"messages\[1\] has contradictory flags"),
        ({"content": "a", "weight": 0.5, "train": False}, r"messages\[1\] has contradictory flags"),
        ({"content": "a", "train": "no"}, r"messages\[1\]\.train is 'no'"),
        ({"content": "a", "loss_mask": [0, 1]}, r"messages\[1\]\.loss_mask"),
        ({"content": "a", "weight": 1, "train": False}, r"messages\[1\] has contradictory flags"),
        ({"content": "a", "reasoning": "b", "thinking": "c"}, r"messages\[1\] holds two different texts of reasoning"),
        ({"content": [{"type": "image_url", "image_url": "x"}]}, r"messages\[1\]\.content\[0\] is of type 'image_url'"),
        ({"content": "a", "tool_calls": [{"name": "f"}], "function_call": {"name": "f"}}, "both `tool_calls` and"),
        ({"content": "", "function_call": {"arguments": "{}"}}, r"messages\[1\]\.function_call must be a call"),
    ],
)
def test_contradictory_keys_of_a_message_are_refused(answer: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        read(talk(answer))


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_is_learnt_if_the_template_writes_it_and_noted_otherwise(key: str, qwen: Any) -> None:
    row = talk({"content": "42", key: "17 + 25"})
    group, seen = encoded(row, renderer(qwen, THINKS))
    assert isinstance(group, Group)
    assert taught(group, qwen) == "<think>17 + 25</think>42<|im_end|>"
    assert seen == {}
    group, seen = encoded(row, renderer(qwen, CHATML))
    assert isinstance(group, Group)
    assert taught(group, qwen) == "42<|im_end|>"
    assert seen == {"reasoning dropped": 1}


def test_reasoning_among_the_parts_of_a_content_is_reasoning(qwen: Any) -> None:
    parts = [{"type": "thinking", "thinking": "17 + 25"}, {"type": "text", "text": "4"}, {"type": "text", "text": "2"}]
    group, _ = encoded(talk({"content": parts}), renderer(qwen, THINKS))
    assert isinstance(group, Group)
    assert taught(group, qwen) == "<think>17 + 25</think>42<|im_end|>"


CALL = {"name": "stock", "arguments": '{"item": "gauze"}'}


@pytest.mark.parametrize("content", ["", None])
def test_the_older_function_call_becomes_a_tool_call(content: str | None, qwen: Any) -> None:
    row = {
        "messages": [
            ASKS,
            {"role": "assistant", "content": content, "function_call": CALL},
            {"role": "function", "name": "stock", "content": "12"},
            {"role": "assistant", "content": "Twelve.", "function_call": None},
        ]
    }
    group, seen = encoded(row, renderer(qwen))
    assert isinstance(group, Group)
    learnt = taught(group, qwen)
    assert '{"name": "stock", "arguments": {"item": "gauze"}}' in learnt
    assert learnt.endswith("Twelve.<|im_end|>")
    assert seen == {}


def test_an_answer_without_words_is_not_learnt(qwen: Any) -> None:
    no_tools = CHATML.replace("message.tool_calls or []", "[]")
    row = talk({"content": "", "function_call": CALL}, {"content": "Twelve."})
    group, seen = encoded(row, renderer(qwen, no_tools))
    assert isinstance(group, Group)
    assert taught(group, qwen) == "Twelve.<|im_end|>"
    assert seen == {"answer without words": 1, "tool call dropped": 1}
    assert "no word of the answer" in str(
        encoded(talk({"content": "", "function_call": CALL}), renderer(qwen, no_tools))[0]
    )


def test_a_key_of_a_message_that_nothing_reads_is_named(qwen: Any) -> None:
    row = {"messages": [{**ASKS, "mood": "cross"}, {"role": "assistant", "content": "One."}]}
    assert encoded(row, renderer(qwen, CHATML))[1] == {"message key `mood` dropped": 1}


def in_parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return folder / "rows.parquet"


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def calls(name: str, **arguments: Any) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def test_nulls_that_parquet_fills_in_are_no_arguments(tmp_path: Path) -> None:
    rows = [
        {"messages": [ASKS, calls("a", x={"deep": 1})], "tools": [tool("a", x={"type": "object"})]},
        {"messages": [ASKS, calls("b", y=[2])], "tools": [tool("b", y={"type": "array", "items": {"type": "number"}})]},
    ]
    found = list(read_examples(read_rows(in_parquet(tmp_path, rows)), "sft"))
    for example, row in zip(found, rows, strict=True):
        (answer,) = example.completions[0]
        assert (
            answer["tool_calls"][0]["function"]["arguments"]
            == row["messages"][1]["tool_calls"][0]["function"]["arguments"]
        )
        assert example.tools == tuple(row["tools"])
        assert example.notes == (RowNote.NULL_ARGUMENTS,)


def test_a_null_argument_in_json_stays(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"messages": [ASKS, calls("a", x=None)]}))
    (example,) = read_examples(read_rows(path), "sft")
    assert example.completions[0][0]["tool_calls"][0]["function"]["arguments"] == {"x": None}
    assert example.notes == ()


def test_rows_of_a_union_of_data_sets_are_read_by_the_columns_they_fill(tmp_path: Path) -> None:
    rows = [
        {"messages": None, "prompt": "p", "completion": "c"},
        {"messages": [ASKS, {"role": "assistant", "content": "One."}], "prompt": None, "completion": None},
    ]
    found = list(read_examples(read_rows(in_parquet(tmp_path, rows)), "sft"))
    assert [e.completions[0][0]["content"] for e in found] == ["c", "One."]


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_messages_written_as_json_text_are_read(end: str, tmp_path: Path) -> None:
    import csv

    row = {"messages": json.dumps([ASKS, {"role": "assistant", "content": "One."}]), "tools": json.dumps([tool("a")])}
    path = tmp_path / f"rows.{end}"
    if end == "parquet":
        in_parquet(tmp_path, [row])
    else:
        with path.open("w", newline="") as file:
            csv.DictWriter(file, row).writeheader()
            csv.DictWriter(file, row).writerow(row)
    (example,) = read_examples(read_rows(path), "sft")
    assert example.prompt == (ASKS,)
    assert example.tools == (tool("a"),)
    with pytest.raises(InputError, match=r"messages.*JSON"):
        read({"messages": "[{"})


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"instruction": "Translate.", "input": "tea", "output": "Tee"}, "sft"),
        ({"prompt": "Translate.", "context": "tea", "completion": "Tee"}, "sft"),
        ({"prompt": "Translate.", "input": "tea", "chosen": "Tee", "rejected": "Kaffee"}, "preference"),
        ({"instruction": "Translate.", "input": "tea", "chosen": "Tee", "rejected": "Kaffee"}, "preference"),
        ({"prompt": "Translate.", "input": "tea"}, "prompt"),
    ],
)
def test_input_and_context_are_joined_to_the_question(row: dict[str, Any], kind: Kind) -> None:
    skips = Skips()
    example = read(row, kind, skips)
    assert example.prompt == ({"role": "user", "content": "Translate.\n\ntea"},)
    assert not skips.unread


def test_a_context_that_the_question_contains_is_not_joined_again() -> None:
    note = "The bottling plant at Ardle opened in 1962 and closed in 1999."
    question = f"{note} When did it open?"
    assert read({"prompt": question, "context": note}, "prompt").prompt[0]["content"] == question
    assert read({"prompt": "Is tea hot?", "input": "tea"}, "prompt").prompt[0]["content"] == "Is tea hot?\n\ntea"


def test_columns_of_other_names_are_joined_if_the_recipe_names_them() -> None:
    row = {"q": "How many?", "body": "Tom has 8 pens.", "a": "8"}
    (example,) = read_examples([Row("a.jsonl:1", row)], "sft", {"prompt": "q", "context": "body", "completion": "a"})
    assert example.prompt[0]["content"] == "How many?\n\nTom has 8 pens."


def test_columns_with_text_that_nothing_reads_are_counted() -> None:
    rows = [
        {
            "id": "7",
            "prompt": "q",
            "completion": "a",
            "body": "Tom has 8 pens.",
            "topic": " ",
            "n": 3,
            "history": [["a", "b"]],
        },
        {"id": "8", "prompt": "q", "completion": "a", "body": "", "topic": "sums", "n": 3, "history": []},
        {"id": "9", "prompt": [ASKS], "completion": "a", "body": "x", "context": "y", "meta_by": "z"},
    ]
    skips = Skips()
    list(read_examples([Row(f"a.jsonl:{n}", row) for n, row in enumerate(rows)], "sft", skipped=skips))
    assert skips.unread == {"body": 2, "topic": 1, "history": 1, "context": 1}
    skips = Skips()
    read({"prompt": "q", "answer": "a"}, "prompt", skips)
    assert not skips.unread, "every column of a prompt reaches the rewards"


SYSTEM = {"role": "system", "content": "In one word."}
ANSWER, OTHER = ({"role": "assistant", "content": text} for text in ("One.", "Two."))


def test_a_system_message_that_both_sides_repeat_is_part_of_the_prompt() -> None:
    row = {"prompt": "How much?", "chosen": [SYSTEM, ASKS, ANSWER], "rejected": [SYSTEM, ASKS, OTHER]}
    example = read(row, "preference")
    assert example.prompt == (SYSTEM, ASKS)
    assert example.completions == ((ANSWER,), (OTHER,))


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [
        ([{**SYSTEM, "content": "Never."}, ASKS, OTHER], "chosen and rejected begin with different system messages"),
        ([ASKS, OTHER], "chosen and rejected begin with different system messages"),
        ([SYSTEM, {**ASKS, "content": "What?"}, OTHER], "chosen or rejected repeats another prompt than the row's own"),
    ],
)
def test_pairs_that_differ_before_the_answer_are_skipped_with_the_right_reason(rejected: Any, reason: str) -> None:
    skips = Skips()
    row = {"prompt": "How much?", "chosen": [SYSTEM, ASKS, ANSWER], "rejected": rejected}
    assert list(read_examples([Row("a.jsonl:1", row)], "preference", skipped=skips)) == []
    assert skips.counts == {reason: 1}


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("csv", "note,record\nA,B\n"),
        ("jsonl", '{"note": "A", "record": "B"}\n'),
        ("json", '[{"note": "A", "record": "B"}]'),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_text(end: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{end}"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (row,) = read_rows(path)
    assert row.values == {"note": "A", "record": "B"}


def pipe(path: Path) -> None:
    os.mkfifo(path)


def dangling(path: Path) -> None:
    path.symlink_to("nothing.jsonl")


def itself(path: Path) -> None:
    path.symlink_to(path.name)


def bound_socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


@pytest.mark.parametrize("entry", [pipe, dangling, itself, bound_socket])
def test_an_entry_of_a_folder_that_holds_no_rows_is_named(
    entry: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    folder = Path("d")
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"text": "one"}\n')
    entry(folder / "x.jsonl")
    for source in ("d", "d/x.jsonl"):
        with pytest.raises(InputError, match=r"d/x\.jsonl: a (pipe|link)"):
            list(read_rows(source))
