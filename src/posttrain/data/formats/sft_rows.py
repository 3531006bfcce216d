"""Readers of the SFT and prompt conventions: a row with standard column names becomes one `Example`."""

from collections.abc import Mapping
from typing import Any

from posttrain.data.example import Example, Message
from posttrain.data.files.read import Row
from posttrain.data.files.strict_json import kind_of
from posttrain.data.formats.messages import Turns, conversation, is_blank, text_or_turns
from posttrain.data.formats.tool_calls import read_tools, structure
from posttrain.data.skipped import RowSkipped, SkipReason
from posttrain.errors import InputError

CONTEXT = ("input", "context")
"""Columns with the text that a question refers to; they are joined to the question."""

_LONG = 40
"""A question does not contain a text of so many characters by chance."""


def read_messages(row: Row) -> Example:
    """``messages``: [{role, content}, ...]."""
    return _from_conversation(row, conversation(row.values["messages"], f"{row.where}: messages"), "messages")


def read_sharegpt(row: Row) -> Example:
    """``conversations``: [{from, value}, ...], as Vicuna and LLaMA-Factory write them."""
    turns = conversation(row.values["conversations"], f"{row.where}: conversations")
    return _from_conversation(row, turns, "conversations")


def read_alpaca(row: Row) -> Example:
    """``instruction, input, output``, perhaps with ``history``: [[question, answer], ...] of earlier turns.

    The input follows the instruction after a blank line. The answers in the history bear loss, as the last one does.
    """
    turns = (*alpaca_prompt(row), {"role": "assistant", "content": text(row, "output")})
    return _from_conversation(row, turns, "output")


def alpaca_prompt(row: Row) -> Turns:
    """The turns of the history, and the instruction with its input and context."""
    turns: list[Message] = []
    history = structure(row.values.get("history") or [], f"{row.where}: history")
    if not isinstance(history, list | tuple):
        raise InputError(f"{row.where}: history must be a list of [question, answer], this is {kind_of(history)}")
    for index, pair in enumerate(history):
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(s, str) for s in pair):
            raise InputError(f"{row.where}: history[{index}] must be two strings [question, answer]")
        turns += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return (*turns, {"role": "user", "content": with_context(row, text(row, "instruction"))})


def with_context(row: Row, question: str) -> str:
    """A question, followed by the row's ``input`` and ``context``, each after a blank line.

    A long text that the question already contains is not repeated.
    """
    contexts = [text(row, column) for column in CONTEXT if row.values.get(column) is not None]
    parts = [question, *(part for part in contexts if len(part) < _LONG or part.strip() not in question)]
    return "\n\n".join(part for part in parts if part.strip())


def question_turns(row: Row, column: str = "prompt") -> Turns:
    """The messages of the prompt column. A text becomes a user's message, with its context."""
    value = row.values[column]
    if isinstance(value, str):
        return ({"role": "user", "content": with_context(row, value)},)
    return text_or_turns(value, "user", f"{row.where}: {column}")


def instances(row: Row) -> list[Mapping[str, Any]]:
    """The ``instances``: [{input, output}, ...] of a self-instruct task; each becomes an Alpaca row."""
    items = structure(row.values["instances"], f"{row.where}: instances")
    if not isinstance(items, list | tuple):
        raise InputError(f"{row.where}: instances must be a list, this is {kind_of(items)}")
    if not items:
        raise InputError(f"{row.where}: instances is an empty list; drop the row")
    for index, item in enumerate(items):
        if not isinstance(item, Mapping) or "output" not in item:
            raise InputError(f"{row.where}: instances[{index}] must be an object {{input, output}}")
    return [{"input": None, **item} for item in items]


def read_prompt_completion(row: Row) -> Example:
    """``prompt, completion``: strings, which become a user's and an assistant's message, or message lists."""
    prompt = question_turns(row)
    completion = text_or_turns(row.values["completion"], "assistant", f"{row.where}: completion")
    if completion[0]["role"] != "assistant":
        raise InputError(
            f"{row.where}: completion[0].role is {completion[0]['role']!r}; a completion starts with the "
            "assistant's message; move earlier messages to the prompt"
        )
    return chat_example(row, prompt, (completion,))


def read_prompt(row: Row) -> Example:
    """``prompt``: a user's message, or the messages up to the open answer; the model writes the completion."""
    prompt = question_turns(row)
    if prompt[-1]["role"] == "assistant":
        raise InputError(f"{row.where}: prompt ends with the assistant's turn; it must end with the message to answer")
    return chat_example(row, prompt, ())


def read_text(row: Row) -> Example:
    """``text``: plain text without roles; every token is learnt (continued pre-training)."""
    content = text(row, "text")
    if not content.strip():
        raise RowSkipped(SkipReason.EMPTY_TEXT)
    return Example(row.where, (), (({"role": "assistant", "content": content},),), raw=True)


def text(row: Row, column: str) -> str:
    """The content of a column that must hold a string."""
    value = row.values[column]
    if not isinstance(value, str):
        raise InputError(f"{row.where}: {column} must be a string, this is {kind_of(value)}")
    return value


def chat_example(row: Row, prompt: Turns, completions: tuple[Turns, ...], **columns: tuple[float, ...]) -> Example:
    """An example of messages, with the row's ``system`` and ``tools`` columns.

    Raises:
        RowSkipped: the prompt or a completion is empty.
    """
    if row.values.get("system") is not None and (system := text(row, "system")).strip():
        if prompt and prompt[0]["role"] == "system" and prompt[0]["content"] != system:
            raise InputError(f"{row.where}: a system message in the conversation and another in `system`; keep one")
        if not prompt or prompt[0]["role"] != "system":
            prompt = ({"role": "system", "content": system}, *prompt)
    questions = [turn for turn in prompt if turn["role"] not in {"system", "developer"}]
    if all(is_blank(turn) for turn in questions or prompt):
        raise RowSkipped(SkipReason.EMPTY_PROMPT)
    if any(all(is_blank(turn) for turn in turns if turn["role"] == "assistant") for turns in completions):
        raise RowSkipped(SkipReason.EMPTY_COMPLETION)
    schemas = read_tools(row.values.get("tools"), f"{row.where}: tools")
    return Example(row.where, prompt, completions, columns, schemas)


def _from_conversation(row: Row, turns: Turns, column: str) -> Example:
    """The prompt is all turns before the assistant's first one; the completion is the rest."""
    first = next((index for index, turn in enumerate(turns) if turn["role"] == "assistant"), None)
    if first is None:
        raise InputError(f"{row.where}: {column} has no assistant turn, so there is nothing to learn; drop the row")
    if first == 0 and not row.values.get("system"):
        raise InputError(f"{row.where}: {column} starts with an assistant turn that answers nothing; drop that turn")
    return chat_example(row, turns[:first], (turns[first:],))
