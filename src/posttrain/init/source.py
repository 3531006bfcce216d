"""The file that a first recipe is written for: how its rows are read, and the rows that are written of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.audit.rows.stage_columns import stage_columns
from posttrain.data.example import Example, Message
from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.conventions import CONVENTIONS, EVERY_ROW, STANDARD, Kind
from posttrain.data.formats.detect import convention_of, renamed_row
from posttrain.data.formats.examples import read_examples
from posttrain.data.formats.messages import REASONING
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.data.reasoning import behind_trace
from posttrain.data.skipped import Skips
from posttrain.init.json_row import json_row

WrittenRow = dict[str, Any]
"""A row as it is written, under standard column names."""

_TARGET = "target"
"""The name by which the user names the column of the right answers to prompts."""

_SEVERAL = frozenset({"self-instruct", "each side of pairs"})
"""Conventions whose rows hold several examples; each of them is written as a row of its own."""


@dataclass(frozen=True, slots=True)
class InitSource:
    """A file and how it is read.

    Args:
        path: the file, folder or hub data set, as the user wrote it.
        kind: the kind of rows that the stage reads.
        columns: standard name → the file's name, where they differ.
        guessed: whether the columns are guessed.
        convention: the name of the convention of the first row.
        target: the column that the user names for the right answers to prompts.
    """

    path: str
    kind: Kind
    columns: Mapping[str, str]
    guessed: bool
    convention: str
    target: str | None = None

    def examples(self, skips: Skips) -> Iterator[Example]:
        """The examples of all rows.

        Raises:
            InputError: a row cannot be read, or JSON cannot hold its values.
        """
        return read_examples(map(json_row, read_rows(self.path)), self.kind, self.columns, skipped=skips)

    def training_row(self, example: Example) -> WrittenRow:
        """The example's row; the columns that are read have standard names.

        All other columns stay, unless another convention of this kind would read them in place of the named columns.
        """
        if self.convention not in _SEVERAL:
            misread = _misread(self.kind, self.columns)
            return {name: value for name, value in self._renamed(example).items() if name not in misread}
        label = {"label": bool(example.columns["label"][0])} if "label" in example.columns else {}
        tools = {"tools": example.tools} if example.tools else {}
        (completion,) = example.completions
        return {"prompt": _content(example.prompt), "completion": _content(completion), **label, **tools}

    def other_columns(self, example: Example) -> Mapping[str, Any]:
        """The columns beside prompt and completion, from which a reward may read the right answer."""
        read = {"prompt"} if self.kind == "prompt" else STANDARD
        return {name: value for name, value in self._renamed(example).items() if name not in read}

    def _renamed(self, example: Example) -> WrittenRow:
        return dict(renamed_row(Row(example.where, example.row), self.columns).values)


def init_source(path: str, kind: Kind, named: Mapping[str, str]) -> InitSource:
    """The file, with the columns and the convention of its first row.

    Args:
        named: the columns that the user names; if there are none, they are guessed. For prompts, `target` names the
            column of the right answers.

    Raises:
        InputError: the file cannot be read, or no convention fits.
    """
    first = next(read_rows(path))
    read = {standard: name for standard, name in named.items() if (kind, standard) != ("prompt", _TARGET)}
    target = None if kind != "prompt" else named.get(_TARGET)
    if target is not None:
        renamed_row(first, {_TARGET: target})  # raises if the column is not there
    columns = stage_columns(first, kind, read)
    return InitSource(path, kind, columns, bool(columns) and not read, convention_of(first, kind, columns), target)


def question_row(example: Example) -> WrittenRow | None:
    """The example as a question with its right answer, if it has one: `prompt`, `completion`, and its task as a slice.

    None where no suite can put the question: it has tools or tool calls, or its answer has no text or is marked as bad.
    """
    if _has_tools(example) or example.raw or example.columns.get("label") == (0.0,):
        return None
    conversation: Sequence[Message] = example.prompt
    answer: WrittenRow = {}
    if example.completions:
        turns, last = _up_to_answer(example)
        text = behind_trace(last["content"]) or ""
        if not text.strip():
            return None
        conversation, answer = turns, {"completion": text}
    prompt = _content([{"role": turn["role"], "content": turn.get("content") or ""} for turn in conversation])
    task = {} if example.task is None else {"metadata": {"slice": example.task}}
    own = {ROW_ARGUMENTS: dict(example.template_arguments)} if example.template_arguments else {}
    return {"prompt": prompt, **answer, **task, **own}


def answer_length(example: Example) -> int:
    """The number of characters of the answer and of the reasoning before it; 0 without an answer."""
    if not example.completions:
        return 0
    _, last = _up_to_answer(example)
    return len(last.get(REASONING, "")) + len(last["content"])


def bare_prompt(example: Example) -> WrittenRow:
    """The prompt of an example by itself."""
    return {"prompt": _content(example.prompt)}


def _has_tools(example: Example) -> bool:
    """Whether the example has schemas of tools, or its conversation holds calls or results of tools."""
    turns = (*example.prompt, *(turn for completion in example.completions for turn in completion))
    return bool(example.tools) or any(turn.get("tool_calls") or turn["role"] == "tool" for turn in turns)


def _up_to_answer(example: Example) -> tuple[Sequence[Message], Message]:
    """The messages before the assistant's last one, and that message."""
    turns = (*example.prompt, *_best(example))
    last = max(index for index, turn in enumerate(turns) if turn["role"] == "assistant")
    return turns[:last], turns[last]


def _misread(kind: Kind, columns: Mapping[str, str]) -> frozenset[str]:
    """The columns of the conventions of this kind that do not read the named columns."""
    named = columns.keys() - set(EVERY_ROW)
    conventions = [(named <= (reads := {*c.required, *c.optional}), reads) for c in CONVENTIONS if c.kind == kind]
    read = {name for fits, reads in conventions if fits for name in reads}
    return frozenset(name for _, reads in conventions for name in reads) - read


def _best(example: Example) -> Sequence[Message]:
    """The completion of the best rank, or the only one."""
    ranks = example.columns.get("rank", (0.0,))
    return example.completions[min(range(len(ranks)), key=ranks.__getitem__)]


def _content(messages: Sequence[Message]) -> Any:
    """The text of a single message that has only a role and a text; else the messages."""
    alone = len(messages) == 1 and messages[0]["role"] != "system" and set(messages[0]) == {"role", "content"}
    return messages[0]["content"] if alone else [dict(message) for message in messages]
