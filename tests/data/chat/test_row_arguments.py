"""`chat_template_kwargs` of a row: variables of the chat template, over those of the recipe."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversations import WHERE, assistant, group_of, renderer, user, whole
from posttrain.candidates.prompts import read_prompts_for_candidates
from posttrain.candidates.read import read_candidate_groups
from posttrain.data.chat.answer_text import answer_text
from posttrain.data.chat.encode import encode_prompt
from posttrain.data.chat.renderer import Renderer, renderer_of
from posttrain.data.chat.template_arguments import defaults_of, with_arguments
from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import Kind
from posttrain.data.formats.examples import read_examples
from posttrain.data.options import DataSource, RowOptions
from posttrain.data.skipped import Skips
from posttrain.errors import InputError
from suite_rows import write_rows

# Thinking opens an answer with <think>, and `effort` is written into the conversation.
SOURCE = """{%- if effort is defined %}{{ '[' + effort + ']' }}{% endif %}
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% if thinking %}{{ '<think>' }}{% endif %}{% endif %}"""

Q, A = user("Why?"), assistant("So.")
ROWS: dict[str, tuple[Kind, dict[str, Any]]] = {
    "messages": ("sft", {"messages": [Q, A]}),
    "prompt and completion": ("sft", {"prompt": "Why?", "completion": "So."}),
    "pair": ("preference", {"prompt": "Why?", "chosen": "So.", "rejected": "No."}),
    "label": ("unpaired", {"prompt": "Why?", "completion": "So.", "label": True}),
    "sides": ("unpaired", {"prompt": "Why?", "chosen": "So.", "rejected": "No."}),
    "prompt": ("prompt", {"prompt": "Why?"}),
}


def read(kind: Kind, *rows: Mapping[str, Any], **columns: str) -> list[Example]:
    return list(read_examples([Row(WHERE, row) for row in rows], kind, columns))


def shown(tokenizer: Any, messages: list[Any], **more: Any) -> list[int]:
    own = deepcopy(tokenizer)
    own.chat_template = SOURCE
    return own.apply_chat_template(messages, return_dict=False, **more)


def how(tokenizer: Any, **recipe: Any) -> Renderer:
    return renderer(tokenizer, with_arguments(SOURCE, recipe))


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("written", [{"effort": "low", "thinking": None}, '{"effort": "low"}'], ids=["object", "JSON"])
def test_each_kind_of_row_is_rendered_with_its_own_arguments(name: str, written: Any, qwen: Any) -> None:
    kind, row = ROWS[name]
    made = how(qwen, effort="high")
    for example in read(kind, {**row, "chat_template_kwargs": written}):
        assert example.template_arguments == {"effort": "low"}
        if kind == "prompt":
            arguments = example.template_arguments
            tokens = encode_prompt(example.prompt, made, where=WHERE, arguments=arguments).tolist()
            assert tokens == shown(qwen, [Q], add_generation_prompt=True, effort="low")
        else:
            answer = example.completions[0][-1]
            assert whole(group_of(example, made)) == shown(qwen, [Q, answer], effort="low")
            assert made.seen["template arguments of the row itself (`chat_template_kwargs`)"]


def test_a_row_without_arguments_keeps_those_of_the_recipe(qwen: Any) -> None:
    for empty in ({}, {"chat_template_kwargs": None}, {"chat_template_kwargs": ""}, {"chat_template_kwargs": {}}):
        made = how(qwen, effort="high")
        (example,) = read("sft", {"messages": [Q, A], **empty})
        assert whole(group_of(example, made)) == shown(qwen, [Q, A], effort="high")
        assert not made.seen


def test_the_column_may_have_another_name_and_counts_as_read() -> None:
    skipped = Skips()
    rows = [Row(WHERE, {"prompt": "Why?", "completion": "So.", "kwargs": '{"effort": "low"}'})]
    columns = {"chat_template_kwargs": "kwargs"}
    (example,) = read_examples(rows, "sft", columns, skipped=skipped)
    assert example.template_arguments == {"effort": "low"}
    assert not skipped.unread


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": [Q, A], "chat_template_kwargs": ["effort"]}, "must be an object, such as .*this is a list"),
        ({"messages": [Q, A], "chat_template_kwargs": "{"}, "chat_template_kwargs"),
        (
            {"messages": [Q, A], "chat_template_kwargs": {"efort": "low"}},
            r"\.efort: .* never reads it; did you mean ef",
        ),
        ({"messages": [Q, A], "chat_template_kwargs": {"tools": []}}, r"\.tools: the conversation .* set it"),
        ({"text": "Once.", "chat_template_kwargs": {"effort": "low"}}, "no chat template renders a plain text"),
    ],
)
def test_arguments_that_cannot_hold_name_the_row(row: dict[str, Any], message: str, qwen: Any) -> None:
    with pytest.raises(InputError, match=f"^{WHERE}: chat_template_kwargs.*{message}|^{WHERE}: {message}"):
        group_of(read("sft", row)[0], how(qwen))


def test_the_opening_of_an_answer_is_that_of_the_row(qwen: Any, tmp_path: Path) -> None:
    (tmp_path / "t.jinja").write_text(SOURCE)
    options = RowOptions.model_validate({"data": "d", "template": "t.jinja", "template_arguments": {"thinking": True}})
    made, _ = renderer_of(options, qwen, end_tokens=(), positions=None, base=tmp_path)
    tokens = np.array(qwen("So.")["input_ids"], dtype=np.int32)
    assert answer_text(tokens, made) == "<think>So."
    assert answer_text(tokens, made, {"thinking": False}) == "So."
    assert answer_text(tokens, made, {"thinking": True}) == "<think>So."


def test_prompts_with_other_arguments_are_other_prompts_and_keep_them(qwen: Any, tmp_path: Path) -> None:
    low, high = ({"prompt": "Why?", "chat_template_kwargs": {"effort": effort}} for effort in ("low", "high"))
    write_rows(tmp_path / "p.jsonl", [low, high, low])
    options = RowOptions.model_validate({"data": "p.jsonl"})
    prompts, summary = read_prompts_for_candidates(options, [how(qwen)], answer=8, base=tmp_path)
    assert [prompt.template_arguments for prompt in prompts] == [{"effort": "low"}, {"effort": "high"}]
    assert sum(skipped.rows for skipped in summary.skipped.values()) == 1
    rows = [{**row, "candidates": [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}]} for row in (low, high, low)]
    write_rows(tmp_path / "c.jsonl", rows)
    groups = read_candidate_groups([DataSource(path="c.jsonl")], tmp_path).groups
    assert [group.example.template_arguments for group in groups] == [{"effort": "low"}, {"effort": "high"}]


@pytest.mark.parametrize("start", ["", "\n"])
def test_the_defaults_of_a_saved_template_are_read_back(start: str) -> None:
    arguments = {"effort": 'a "b" %}', "thinking": False}
    once = with_arguments(start + SOURCE, arguments)
    assert defaults_of(once) == arguments
    assert defaults_of(with_arguments(once, {"thinking": True})) == {**arguments, "thinking": True}
    assert defaults_of(SOURCE) == {}
