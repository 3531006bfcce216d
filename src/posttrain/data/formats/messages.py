"""Messages, checked and brought into the form that chat templates read."""

import re
from collections.abc import Mapping
from typing import Any

from posttrain.data.example import Message
from posttrain.data.files.strict_json import decode_json, kind_of
from posttrain.data.formats.tool_calls import calls_in, read_calls, structure
from posttrain.errors import InputError

Turns = tuple[Message, ...]

ROLES = ("system", "developer", "user", "assistant", "tool")

LEARNT = "learnt"
"""Key of a message; False if its author marked it as one that the model reads and does not learn."""

REASONING = "reasoning_content"
"""Key of an answer's reasoning, whatever its key in the row."""

MESSAGE_WEIGHT = "learning_weight"
"""Key of a message; the weight of its tokens in the loss, if its author gave one other than 0 and 1."""

_FLAGS = ("train", "trainable", "training", "loss", "loss_mask")
"""Keys by which rows mark a message that the model does not learn: 0 or false."""

_WEIGHTS = ("weight", "loss_scale")
"""Keys of a message's weight in the loss; with 0 the model does not learn it."""

LARGEST_WEIGHT = 100.0
"""A message of a larger weight would leave nothing of the other messages of its step."""

_REASONING = ("reasoning_content", "reasoning", "thinking")

KNOWN_KEYS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", LEARNT, MESSAGE_WEIGHT, REASONING})
"""Keys of a message with a known meaning; a template may write others too."""

_SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
    "function_response": "tool",
}

_SPEAKERS = {"Human": "user", "Assistant": "assistant"}


def conversation(value: Any, where: str) -> Turns:
    """A list of messages, ``{role, content}`` or ShareGPT's ``{from, value}``.

    Args:
        value: the content of the column.
        where: ``file:line: column``, for errors.

    Raises:
        InputError: the value is no list, the list is empty, or a message is malformed.
    """
    value = structure(value, where)
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list of messages, this is {kind_of(value)}")
    if not value:
        raise InputError(f"{where} is an empty conversation; drop the row")
    return tuple(message(item, f"{where}[{index}]") for index, item in enumerate(value))


def text_or_turns(value: Any, role: str, where: str) -> Turns:
    """Messages from a string (one message of `role`), from one message, or from a list of messages."""
    if isinstance(value, str):
        return ({"role": role, "content": value},)
    if isinstance(value, Mapping):
        return (message(value, where),)
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a string or a list of messages, this is {kind_of(value)}")
    return conversation(value, where)


def message(value: Any, where: str) -> Message:
    """One message, in the form that templates read.

    Keys without a value are left out, since Parquet writes null for the keys of other rows. Text parts are joined, the
    older ``function_call`` becomes a tool call, and reasoning and flags get one key each.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be a message {{role, content}}, this is {kind_of(value)}")
    given = {key: inner for key, inner in value.items() if inner is not None}
    if "from" in given and "role" not in given:
        given = _from_sharegpt(given, where)
    role = given.get("role")
    if role is None:
        raise InputError(f"{where} has no `role`; its keys are {', '.join(map(str, value))}")
    if role == "function":  # OpenAI's older name of the tool role
        role = "tool"
    if role not in ROLES:
        raise InputError(f"{where}.role is {role!r}; roles are {', '.join(ROLES)}")
    own = {"role", *_FLAGS, *_WEIGHTS, *_REASONING}
    kept = {"role": role, **{key: inner for key, inner in given.items() if key not in own}}
    calls = read_calls(kept.pop("tool_calls", None), kept.pop("function_call", None), where)
    if calls:
        kept["tool_calls"] = calls
        kept.setdefault("content", "")
    content, thought = content_of(kept.get("content"), f"{where}.content")
    kept["content"] = content
    if reasoning := _reasoning(given, thought, where):
        kept[REASONING] = reasoning
    weight = _weight(given, where)
    if weight == 0:
        kept[LEARNT] = False
    elif weight != 1:
        kept[MESSAGE_WEIGHT] = weight
    return kept


def content_of(value: Any, where: str) -> tuple[str, str]:
    """A message's text and its reasoning, from a string or from a list of parts; text parts are joined.

    Raises:
        InputError: the value is neither, or a part has another type, such as an image.
    """
    if isinstance(value, str):
        return value, ""
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a string or a list of text parts, this is {kind_of(value)}")
    texts: list[str] = []
    thoughts: list[str] = []
    for index, part in enumerate(value):
        place = f"{where}[{index}]"
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type", "text") if isinstance(part, Mapping) else None
        if not isinstance(part, Mapping) or kind not in {"text", "thinking", "reasoning"}:
            shown = f"of type {kind!r}" if isinstance(part, Mapping) else kind_of(part)
            raise InputError(f"{place} is {shown}; only parts of text are read, {{type: text, text: ...}}")
        inner = part.get(kind, part.get("text"))
        (texts if kind == "text" else thoughts).append(content_of(inner, f"{place}.{kind}")[0])
    return "".join(texts), "".join(thoughts)


def transcript(text: str) -> Turns | None:
    r"""The turns of ``"\n\nHuman: ...\n\nAssistant: ..."`` (HH-RLHF), or None for any other text.

    A turn ends where the *other* speaker begins. A marker of the same speaker is text that this speaker wrote, such as
    a model that continues the conversation on its own.
    """
    parts = re.split(r"\n\n(Human|Assistant):", "\n\n" + text.lstrip())
    if len(parts) < 3 or parts[0] or parts[1] != "Human":
        return None
    turns: list[tuple[str, str]] = []
    for speaker, words in zip(parts[1::2], parts[2::2], strict=True):
        if turns and turns[-1][0] == speaker:
            turns[-1] = (speaker, f"{turns[-1][1]}\n\n{speaker}:{words}")
        else:
            turns.append((speaker, words))
    return tuple({"role": _SPEAKERS[speaker], "content": words.strip()} for speaker, words in turns)


def is_blank(turn: Message) -> bool:
    """Whether a message has no text, no reasoning and no tool call."""
    return not turn["content"].strip() and not turn.get("tool_calls") and not turn.get(REASONING, "").strip()


def _from_sharegpt(value: Mapping[str, Any], where: str) -> dict[str, Any]:
    """ShareGPT's message with the usual keys; its keys other than ``from`` and ``value`` stay."""
    speaker, content = value["from"], value.get("value")
    if not isinstance(speaker, str) or speaker not in _SHAREGPT_ROLES:
        raise InputError(f"{where}.from is {speaker!r}; the known names are {', '.join(_SHAREGPT_ROLES)}")
    if not isinstance(content, str | list):
        raise InputError(f"{where}.value must be a string, this is {kind_of(content)}")
    more = {key: inner for key, inner in value.items() if key not in {"from", "value"}}
    if speaker != "function_call" or not isinstance(content, str):
        return {**more, "role": _SHAREGPT_ROLES[speaker], "content": content}
    called = decode_json(content, f"{where}.value (a function_call)")
    calls = calls_in(called if isinstance(called, list) else [called], f"{where}.value")
    return {**more, "role": "assistant", "content": "", "tool_calls": calls}


def _reasoning(given: Mapping[str, Any], thought: str, where: str) -> str:
    """The reasoning of an answer; "" if there is none."""
    values = {key: given[key] for key in _REASONING if given.get(key) not in (None, "")}
    texts = {key: content_of(inner, f"{where}.{key}")[0] for key, inner in values.items()}
    different = {text for text in (*texts.values(), thought) if text}
    if len(different) > 1:
        raise InputError(f"{where} holds two different texts of reasoning ({', '.join(texts)}); keep one")
    return next(iter(different)) if different else ""


def _weight(given: Mapping[str, Any], where: str) -> float:
    """The weight of a message in the loss, by its flags and weights; 1 if it has none, 0 if it is not learnt."""
    marks: dict[str, float] = {}
    for key in (*_FLAGS, *_WEIGHTS):
        if key not in given:
            continue
        value = given[key]
        number = isinstance(value, bool | int | float)
        if key in _FLAGS and not (number and value in (0, 1)):
            raise InputError(
                f"{where}.{key} is {value!r}; it must be 0 or 1 (false or true): whether the message is learnt"
            )
        if not (number and 0 <= value <= LARGEST_WEIGHT):
            raise InputError(f"{where}.{key} is {value!r}; it must be a number from 0 to {LARGEST_WEIGHT:g}")
        marks[key] = float(value)
    weights = {marks[key] for key in _WEIGHTS if key in marks}
    if len(weights) > 1 or len({bool(mark) for mark in marks.values()}) > 1:
        shown = ", ".join(f"{key}: {given[key]}" for key in marks)
        raise InputError(f"{where} has contradictory flags: {shown}; keep one")
    return weights.pop() if weights else float(all(marks.values()))
