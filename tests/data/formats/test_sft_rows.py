"""The SFT conventions: what each row's prompt and completion are, and the place and key in errors."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conversations import assistant, gpt, human, system, user
from posttrain.data.example import Example
from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.skipped import Skips
from posttrain.errors import InputError


def row(values: dict[str, Any]) -> Row:
    return Row("a.jsonl:1", values)


def one(values: dict[str, Any]) -> Example:
    (example,) = read_examples([row(values)], "sft")
    return example


Q, A, B = user("why?"), assistant("because"), assistant("no idea")
CALL = {"type": "function", "function": {"name": "look", "arguments": {"at": "x"}}}
SCHEMA = {"name": "look", "description": "looks", "parameters": {"type": "object"}}

# name: (row, prompt, completion)
SFT: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "messages": ({"messages": [Q, A]}, [Q], [A]),
    "messages, several turns": (
        {"messages": [system("s"), Q, A, user("and?"), B, user("bye")]},
        [system("s"), Q],
        [A, user("and?"), B, user("bye")],
    ),
    "messages with a developer": (
        {"messages": [{"role": "developer", "content": "d"}, Q, A]},
        [{"role": "developer", "content": "d"}, Q],
        [A],
    ),
    "only a system message before the answer": ({"messages": [system("s"), A]}, [system("s")], [A]),
    "other keys of a message stay, nulls do not": (
        {"messages": [{**Q, "name": "ann", "tool_calls": None}, {**A, "reasoning_content": "hm"}]},
        [{**Q, "name": "ann"}],
        [{**A, "reasoning_content": "hm"}],
    ),
    "tool calls with JSON text for arguments": (
        {
            "messages": [
                Q,
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "look"}}]},
                {"role": "tool", "content": "seen", "tool_call_id": "1"},
                {"role": "assistant", "tool_calls": [{"function": {"name": "look", "arguments": '{"at": "x"}'}}]},
            ]
        },
        [Q],
        [
            assistant("")
            | {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": {}}}]},
            {"role": "tool", "content": "seen", "tool_call_id": "1"},
            assistant("") | {"tool_calls": [CALL]},
        ],
    ),
    "prompt and completion": ({"prompt": "why?", "completion": "because"}, [Q], [A]),
    "prompt and completion as messages": ({"prompt": [Q, B, Q], "completion": [A]}, [Q, B, Q], [A]),
    "prompt text, completion messages": ({"prompt": "why?", "completion": [A, Q, B]}, [Q], [A, Q, B]),
    "prompt, completion, system": (
        {"prompt": "why?", "completion": "because", "system": "s"},
        [system("s"), Q],
        [A],
    ),
    "alpaca": ({"instruction": "why?", "input": "", "output": "because"}, [Q], [A]),
    "alpaca without an input": ({"instruction": "why?", "output": "because"}, [Q], [A]),
    "alpaca with a null input": ({"instruction": "why?", "input": None, "output": "because"}, [Q], [A]),
    "alpaca with an input": (
        {"instruction": "Add.", "input": "1, 2", "output": "3"},
        [user("Add.\n\n1, 2")],
        [assistant("3")],
    ),
    "alpaca with system and history": (
        {"instruction": "and?", "output": "no idea", "system": "s", "history": [["why?", "because"]]},
        [system("s"), Q],
        [A, user("and?"), B],
    ),
    "sharegpt": ({"conversations": [human("why?"), gpt("because")]}, [Q], [A]),
    "sharegpt with other names": (
        {
            "conversations": [
                {"from": "system", "value": "s"},
                {"from": "user", "value": "why?"},
                {"from": "assistant", "value": "because"},
            ]
        },
        [system("s"), Q],
        [A],
    ),
    "sharegpt with a system column": (
        {"conversations": [human("why?"), gpt("because")], "system": "s"},
        [system("s"), Q],
        [A],
    ),
    "sharegpt that says role and content": ({"conversations": [Q, A]}, [Q], [A]),
    "sharegpt with a tool": (
        {
            "conversations": [
                human("why?"),
                {"from": "function_call", "value": '{"name": "look", "arguments": {"at": "x"}}'},
                {"from": "observation", "value": "[1]"},
                gpt("because"),
            ]
        },
        [Q],
        [assistant("") | {"tool_calls": [CALL]}, {"role": "tool", "content": "[1]"}, A],
    ),
    "sharegpt with two calls at once": (
        {
            "conversations": [
                human("why?"),
                {
                    "from": "function_call",
                    "value": '[{"name": "look", "arguments": "{\\"at\\": \\"x\\"}"}, {"name": "go"}]',
                },
                {"from": "function_response", "value": "1"},
                {"from": "tool", "value": "2"},
            ]
        },
        [Q],
        [
            assistant("") | {"tool_calls": [CALL, {"type": "function", "function": {"name": "go", "arguments": {}}}]},
            {"role": "tool", "content": "1"},
            {"role": "tool", "content": "2"},
        ],
    ),
    "self-instruct": (
        {"instruction": "Add.", "instances": [{"input": "1, 2", "output": "3"}]},
        [user("Add.\n\n1, 2")],
        [assistant("3")],
    ),
    "text": ({"text": "Once upon a time"}, [], [assistant("Once upon a time")]),
}


@pytest.mark.parametrize("case", SFT)
def test_an_sft_row_splits_at_the_first_answer(case: str) -> None:
    row, prompt, completion = SFT[case]
    example = one(row)
    assert list(example.prompt) == prompt
    assert [list(turns) for turns in example.completions] == [completion]
    assert example.raw == ("text" in row)
    assert example.where == "a.jsonl:1"
    assert example.columns == {}


# name: (row, what the message says)
BAD: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "messages is a string": ({"messages": "hi"}, ("messages must be a list", "a string")),
    "messages is null": ({"messages": None}, ("messages", "null")),
    "empty conversation": ({"messages": []}, ("messages is an empty conversation",)),
    "message is a string": ({"messages": ["hi"]}, ("messages[0]", "a string")),
    "message without a role": ({"messages": [{"content": "x"}]}, ("messages[0]", "`role`", "content")),
    "unknown role": ({"messages": [Q, {"role": "bot", "content": "x"}]}, ("messages[1].role", "'bot'")),
    "role is a list": ({"messages": [{"role": ["user"], "content": "x"}]}, ("messages[0].role",)),
    "content is a number": ({"messages": [Q, {"role": "assistant", "content": 3}]}, ("[1].content", "a number")),
    "content is null": ({"messages": [Q, {"role": "assistant", "content": None}]}, ("[1].content", "null")),
    "content is a list": (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}, A]},
        ("[0].content", "a list"),
    ),
    "no content": ({"messages": [Q, {"role": "assistant"}]}, ("messages[1].content", "null")),
    "assistant first": ({"messages": [A, Q, B]}, ("messages starts with an assistant turn",)),
    "no assistant": ({"messages": [system("s"), Q]}, ("messages has no assistant turn",)),
    "tool calls are no list": ({"messages": [Q, {**A, "tool_calls": {"name": "x"}}]}, ("tool_calls must be a list",)),
    "call without a name": ({"messages": [Q, {**A, "tool_calls": [{"id": "1"}]}]}, ("tool_calls[0]", "id")),
    "arguments are no object": (
        {"messages": [Q, {**A, "tool_calls": [{"name": "x", "arguments": "[1]"}]}]},
        ("arguments", "a list"),
    ),
    "arguments are no JSON": (
        {"messages": [Q, {**A, "tool_calls": [{"name": "x", "arguments": "{a}"}]}]},
        ("arguments", "broken JSON"),
    ),
    "unknown speaker": ({"conversations": [{"from": "me", "value": "x"}]}, ("conversations[0].from", "'me'")),
    "speaker is a list": ({"conversations": [{"from": ["human"], "value": "x"}]}, ("conversations[0].from",)),
    "value is null": ({"conversations": [{"from": "human", "value": None}]}, ("conversations[0].value", "null")),
    "function_call is no JSON": (
        {"conversations": [human("x"), {"from": "function_call", "value": "look(1)"}]},
        ("conversations[1].value (a function_call)", "broken JSON", "column 1"),
    ),
    "function_call is a number": (
        {"conversations": [human("x"), {"from": "function_call", "value": "1"}]},
        ("conversations[1].value[0]", "a number"),
    ),
    "sharegpt, gpt first": ({"conversations": [gpt("x"), human("y")]}, ("conversations starts with",)),
    "tools are no JSON": ({"messages": [Q, A], "tools": "[{]"}, ("tools", "broken JSON", "column 3")),
    "tools are a number": ({"messages": [Q, A], "tools": 3}, ("tools must be a list", "a number")),
    "tool without a name": ({"messages": [Q, A], "tools": [{"a": 1}]}, ("tools[0]", "an object with a")),
    "two system messages": ({"messages": [system("a"), Q, A], "system": "b"}, ("`system`", "keep one")),
    "system is a number": ({"messages": [Q, A], "system": 3}, ("system must be a string", "a number")),
    "prompt is a number": ({"prompt": 3, "completion": "x"}, ("prompt must be a string", "a number")),
    "completion is null": ({"prompt": "x", "completion": None}, ("completion must be a string", "null")),
    "prompt is an empty list": ({"prompt": [], "completion": "x"}, ("prompt is an empty conversation",)),
    "completion starts with the user": ({"prompt": "x", "completion": [Q, A]}, ("completion[0].role", "'user'")),
    "output is null": ({"instruction": "x", "output": None}, ("output must be a string", "null")),
    "instruction is a list": ({"instruction": ["x"], "output": "y"}, ("instruction must be a string",)),
    "input is a number": ({"instruction": "x", "input": 3, "output": "y"}, ("input must be a string",)),
    "history is a string": ({"instruction": "x", "output": "y", "history": "z"}, ("history must be a list",)),
    "history of single strings": ({"instruction": "x", "output": "y", "history": ["z"]}, ("history[0]",)),
    "instances is an object": ({"instruction": "x", "instances": {}}, ("instances must be a list",)),
    "no instances": ({"instruction": "x", "instances": []}, ("instances is an empty list",)),
    "instance without output": ({"instruction": "x", "instances": [{"input": "y"}]}, ("instances[0]", "output")),
    "instance output is a number": ({"instruction": "x", "instances": [{"output": 3}]}, ("output", "a number")),
    "text is a list": ({"text": ["a"]}, ("text must be a string", "a list")),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_refused_with_its_place_and_key(case: str) -> None:
    bad, parts = BAD[case]
    with pytest.raises(InputError) as caught:
        list(read_examples([row(bad)], "sft"))
    message = str(caught.value)
    assert message.startswith("a.jsonl:1: "), message
    assert "\n" not in message
    for part in parts:
        assert part in message, message


UNTRAINABLE: dict[str, tuple[dict[str, Any], str]] = {
    "empty output": ({"instruction": "x", "output": "\n"}, "empty completion"),
    "empty completion": ({"prompt": "x", "completion": ""}, "empty completion"),
    "empty answers": ({"messages": [Q, assistant(""), Q, assistant(" ")]}, "empty completion"),
    "empty prompt": ({"prompt": " ", "completion": "y"}, "empty prompt"),
    "empty instruction": ({"instruction": "", "input": "", "output": "y", "system": "s"}, "empty prompt"),
    "empty text": ({"text": " \n"}, "empty text"),
}


@pytest.mark.parametrize("case", UNTRAINABLE)
def test_a_row_that_cannot_train_is_counted_and_not_raised(case: str) -> None:
    values, reason = UNTRAINABLE[case]
    skips = Skips()
    assert list(read_examples([row(values)], "sft", skipped=skips)) == []
    assert dict(skips.counts) == {reason: 1}


def test_one_empty_answer_among_others_stays() -> None:
    example = one({"messages": [Q, assistant(""), Q, A]})
    assert [turn["content"] for turn in example.completions[0]] == ["", "why?", "because"]


def test_each_instance_of_a_seed_task_is_an_example_of_its_line() -> None:
    held = [{"input": "1", "output": "2"}, {"output": " "}, {"input": "", "output": "3"}]
    seed = {"id": "t", "instruction": "Add.", "instances": held}
    rows = [Row("a.jsonl:1", {"instruction": "x", "instances": [{"output": "y"}]}), Row("a.jsonl:2", seed)]
    skips = Skips()
    found = list(read_examples(rows, "sft", skipped=skips))
    assert [(e.where, e.prompt[0]["content"], e.completions[0][0]["content"]) for e in found] == [
        ("a.jsonl:1", "x", "y"),
        ("a.jsonl:2", "Add.\n\n1", "2"),
        ("a.jsonl:2", "Add.", "3"),
    ]
    assert skips.counts == {"empty completion": 1}
    assert found[1].row == {**seed, "input": "1", "output": "2"}


@pytest.mark.parametrize(
    "given_tools",
    [
        [SCHEMA],
        json.dumps([SCHEMA]),
        [{"type": "function", "function": SCHEMA}],
        json.dumps([{"type": "function", "function": SCHEMA}]),
    ],
)
def test_tools_are_wrapped_once_whatever_their_form(given_tools: Any) -> None:
    assert one({"messages": [Q, A], "tools": given_tools}).tools == ({"type": "function", "function": SCHEMA},)


@pytest.mark.parametrize("none", [None, "", " ", [], "[]", "null"])
def test_no_tools_are_none(none: Any) -> None:
    assert one({"messages": [Q, A], "tools": none}).tools is None


def test_parquet_messages_lose_the_nulls_of_other_rows(tmp_path: Path) -> None:
    call = {**A, "content": "", "tool_calls": [{"type": "function", "function": {"name": "look", "arguments": "{}"}}]}
    source = [{"messages": [Q, A]}, {"messages": [Q, call]}]
    pq.write_table(pa.Table.from_pylist(source), tmp_path / "a.parquet")
    first, second = read_examples(read_rows(tmp_path / "a.parquet"), "sft")
    assert (first.prompt, first.completions) == ((Q,), ((A,),))
    assert second.completions[0][0]["tool_calls"] == [
        {"type": "function", "function": {"name": "look", "arguments": {}}}
    ]


def real(data_dir: Path, name: str) -> tuple[list[Example], Counter[str]]:
    skips = Skips()
    return list(read_examples(read_rows(name, base=data_dir), "sft", skipped=skips)), skips.counts


@pytest.mark.parametrize(
    ("name", "count", "empty"),
    [
        ("alpaca_claude_t45", 5301, 4),
        ("alpaca_en_demo", 999, 0),
        ("alpaca_random_9k", 9225, 4),
        ("dolly_3k", 2996, 0),
        ("glaive_toolcall_en_demo", 300, 0),
        ("self_instruct_seed_tasks", 175, 0),
        ("user_oriented_instructions", 252, 0),
    ],
)
def test_real_instructions_read_whole_and_empty_outputs_are_counted(
    name: str, count: int, empty: int, data_dir: Path
) -> None:
    found, counts = real(data_dir, f"instruct/{name}.jsonl.gz")
    assert len(found) == count
    assert counts == ({"empty completion": empty} if empty else {})
    assert all(example.prompt[-1]["role"] == "user" for example in found)


def test_real_tool_calls_are_objects_that_name_a_tool_of_the_row(data_dir: Path) -> None:
    found, _ = real(data_dir, "instruct/glaive_toolcall_en_demo.jsonl.gz")
    turns = [(example, turn) for example in found for turn in example.completions[0]]
    calls = [(e, call["function"]) for e, turn in turns for call in turn.get("tool_calls", [])]
    assert len(calls) == 211
    assert sum(turn["role"] == "tool" for _, turn in turns) == 211
    for example, function in calls:
        assert isinstance(function["arguments"], dict)
        assert function["name"] in {tool["function"]["name"] for tool in example.tools or ()}


@pytest.mark.parametrize(("name", "count"), [("c4_demo.jsonl.gz", 300), ("tinystories_sample.txt", 5)])
def test_real_text_is_raw(name: str, count: int, data_dir: Path) -> None:
    found, _ = real(data_dir, f"text/{name}")
    assert len(found) == count
    assert all(example.raw and example.prompt == () for example in found)
