"""Every text of a row, in every convention, is in the rendered conversation, or plan and audit name it as left out."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byte_model import TEMPLATE
from command_line import Posttrain
from posttrain.data.chat.template import Template, render_conversation
from posttrain.data.example import Example
from posttrain.data.files.read import read_rows
from posttrain.data.formats.conventions import CONVENTIONS
from posttrain.data.formats.examples import read_examples

Fields = dict[str, str]
"""A word of a row → the name that plan and audit use for its place."""

KINDS = {"sft": "sft", "preference": "dpo", "unpaired": "kto"}
MORE = ("system", "input", "context", "history", "body", "topic", "reference")


class Words:
    """Fills fields with words that stand nowhere else."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self._numbers = count()

    def __call__(self, name: str) -> str:
        word = f"word{next(self._numbers)}x"
        self.fields[word] = name
        return word


def message(words: Words, role: str, extras: frozenset[str], sharegpt: bool = False) -> dict[str, Any]:
    """A message with some of the things that may stand beside its content."""
    own: dict[str, Any] = {"role": role, "content": words("content")}
    if "parts" in extras:
        own["content"] = [{"type": "text", "text": own["content"]}, {"type": "text", "text": words("content")}]
    if "mood" in extras:
        own["mood"] = words("mood")
    if "name" in extras and role == "user":
        own["name"] = words("name")
    if role == "assistant":
        if "thinking" in extras:
            own["thinking"] = words("reasoning")
        if "call" in extras:
            own["function_call"] = {"name": words("tool call"), "arguments": json.dumps({"at": words("tool call")})}
    if sharegpt:
        names = {"user": "human", "assistant": "gpt", "system": "system"}
        return {"from": names[role], "value": own.pop("content"), **{k: v for k, v in own.items() if k != "role"}}
    return own


def column(words: Words, name: str, extras: frozenset[str]) -> Any:
    """A value for a standard column."""
    if name in {"messages", "conversations"}:
        return [message(words, role, extras, name == "conversations") for role in ("user", "assistant")]
    if name == "instances":
        return [{"input": words("instances"), "output": words("instances")}]
    if name == "candidates":
        return [{"id": number, "text": words("candidates")} for number in "ab"]
    if name == "ranks":
        return {"a": 1, "b": 2}
    if name == "label":
        return True
    if name == "history":
        return [[words("history"), words("history")]]
    return words(name)


def fill(convention: str, extras: frozenset[str], more: frozenset[str]) -> tuple[dict[str, Any], Fields]:
    """A row of a convention with further columns, and all its words."""
    words = Words()
    required = next(c.required for c in CONVENTIONS if c.name == convention)
    row = {name: column(words, name, extras) for name in required}
    if convention == "ShareGPT pairs":
        row["conversations"] = row["conversations"][:1]
        row |= {side: message(words, "assistant", extras, True) for side in ("chosen", "rejected")}
        words.fields = {w: n for w, n in words.fields.items() if w in json.dumps(row)}
    if convention == "pairs, prompt inside":
        question = message(words, "user", extras)
        row = {side: [question, message(words, "assistant", extras)] for side in ("chosen", "rejected")}
        words.fields = {w: n for w, n in words.fields.items() if w in json.dumps(row)}
    row |= {name: column(words, name, extras) for name in more if name not in row}
    return row, words.fields


def rendered(example: Example) -> str:
    if example.raw:
        return "".join(m["content"] for c in example.completions for m in c)
    template = Template(TEMPLATE, {}, False)
    return "".join(render_conversation(template, [*example.prompt, *c], where="") for c in example.completions)


def lost(rows: list[dict[str, Any]], fields: list[Fields], kind: Any) -> Iterator[str]:
    """Names of the parts that no rendered conversation contains."""
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found: dict[str, str] = {}
    for example in read_examples(read_rows("rows.jsonl"), kind):
        found[example.where] = found.get(example.where, "") + rendered(example)
    assert len(found) == len(rows)
    for text, words in zip(found.values(), fields, strict=True):
        yield from (name for word, name in words.items() if word not in text)


EXTRAS = st.frozensets(st.sampled_from(("parts", "mood", "name", "thinking", "call")))
COLUMNS = st.frozensets(st.sampled_from(MORE), max_size=4)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=st.lists(st.tuples(EXTRAS, COLUMNS), min_size=2, max_size=4))
@pytest.mark.parametrize("convention", [c.name for c in CONVENTIONS if c.kind != "prompt"])
def test_every_text_is_rendered_or_named(convention: str, several: Any, work: Path, posttrain: Posttrain) -> None:
    kind = next(c.kind for c in CONVENTIONS if c.name == convention)
    filled = [fill(convention, *one) for one in several]
    names = set(lost([row for row, _ in filled], [words for _, words in filled], kind))
    Path("r.yaml").write_text(f"model: model\nstages:\n  s: {{kind: {KINDS[kind]}, data: rows.jsonl}}\n")
    plan, audit = posttrain("plan", "r.yaml", "--json"), posttrain("audit", "--recipe", "r.yaml", "--json")
    assert plan.code == 0, plan.err
    assert audit.code in {0, 2}, audit.err
    for name in names:
        assert name in plan.out, f"plan does not name {name}"
        assert name in audit.out, f"audit does not name {name}"


def test_the_other_columns_of_a_prompt_reach_the_rewards(work: Path) -> None:
    row = {"prompt": "Say it.", "body": "Long ago.", "answer": "It."}
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    (example,) = read_examples(read_rows("rows.jsonl"), "prompt")
    assert example.row == row
