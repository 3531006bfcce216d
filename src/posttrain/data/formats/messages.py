"""Messages and tools, checked and brought into the one form that chat templates take."""

import re
from collections.abc import Mapping
from typing import Any

from posttrain.data.example import Message
from posttrain.data.files.strict_json import decode_json, kind_of
from posttrain.errors import InputError

Turns = tuple[Message, ...]

ROLES = ("system", "developer", "user", "assistant", "tool")

LEARNT = "learnt"
"""Key of a message, False where its author marked it as one to read and not to learn."""

REASONING = "reasoning_content"
"""Key of an answer's reasoning, whatever the row calls it."""

_FLAGS = ("weight", "train", "trainable", "training", "loss", "loss_mask")
"""How rows mark a message as one to read and not to learn: 0 or false."""

_REASONING = ("reasoning_content", "reasoning", "thinking")

KNOWN_KEYS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", LEARNT, REASONING})
"""Keys of a message that are read; a template may write others too."""

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
        value: what the column holds.
        where: ``file:line: column``, for errors.

    Raises:
        InputError: no list, an empty one, or a message that no template can take.
    """
    value = structure(value, where)
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list of messages, this is {kind_of(value)}")
    if not value:
        raise InputError(f"{where} is an empty conversation; drop the row")
    return tuple(message(item, f"{where}[{index}]") for index, item in enumerate(value))


def structure(value: Any, where: str) -> Any:
    """A list or object, also one that is written as JSON text, as CSV and some Parquet files have it.

    Raises:
        InputError: the text begins like a list or object and is broken JSON.
    """
    return decode_json(value, where) if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"} else value


def text_or_turns(value: Any, role: str, where: str) -> Turns:
    """A string as one message of `role`, one message as such, or a list of messages."""
    if isinstance(value, str):
        return ({"role": role, "content": value},)
    if isinstance(value, Mapping):
        return (message(value, where),)
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a string or a list of messages, this is {kind_of(value)}")
    return conversation(value, where)


def message(value: Any, where: str) -> Message:
    """One message, in the one form that templates take.

    Keys without a value are left out (Parquet writes null for what other rows have). Text parts are joined, the older
    ``function_call`` becomes the tool call that it is, and reasoning and flags get one name each.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be a message {{role, content}}, this is {kind_of(value)}")
    given = {key: inner for key, inner in value.items() if inner is not None}
    if "from" in given and "role" not in given:
        given = _from_sharegpt(given, where)
    role = given.get("role")
    if role is None:
        raise InputError(f"{where} has no `role`; its keys are {', '.join(map(str, value))}")
    if role == "function":  # OpenAI's older name of a tool's answer
        role = "tool"
    if role not in ROLES:
        raise InputError(f"{where}.role is {role!r}; roles are {', '.join(ROLES)}")
    kept = {"role": role, **{key: inner for key, inner in given.items() if key not in {"role", *_FLAGS, *_REASONING}}}
    calls = _called(kept.pop("tool_calls", None), kept.pop("function_call", None), where)
    if calls:
        kept["tool_calls"] = calls
        kept.setdefault("content", "")
    content, thought = content_of(kept.get("content"), f"{where}.content")
    kept["content"] = content
    if reasoning := _reasoning(given, thought, where):
        kept[REASONING] = reasoning
    if not _learnt(given, where):
        kept[LEARNT] = False
    return kept


def content_of(value: Any, where: str) -> tuple[str, str]:
    """A message's text and its reasoning, of a string or of a list of parts; parts of text are joined.

    Raises:
        InputError: neither, or a part of another type, such as an image.
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


def tools(value: Any, where: str) -> tuple[Mapping[str, Any], ...] | None:
    """Function schemas, from a list or its JSON text; a bare ``{name, parameters}`` is wrapped for templates."""
    if isinstance(value, str):
        value = decode_json(value, where) if value.strip() else None
    if value is None or value in ([], ()):
        return None
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list of function schemas, this is {kind_of(value)}")
    return tuple(_schema(item, f"{where}[{index}]") for index, item in enumerate(value))


def transcript(text: str) -> Turns | None:
    r"""The turns of ``"\n\nHuman: ...\n\nAssistant: ..."`` (HH-RLHF), or None for any other text.

    A turn ends where the *other* speaker begins: a marker of the same speaker was written by that speaker (a model
    that goes on as if asked), and is text.
    """
    parts = re.split(r"\n\n(Human|Assistant):", "\n\n" + text.lstrip())
    if len(parts) < 3 or parts[0] or parts[1] != "Human":
        return None
    turns: list[tuple[str, str]] = []
    for speaker, said in zip(parts[1::2], parts[2::2], strict=True):
        if turns and turns[-1][0] == speaker:
            turns[-1] = (speaker, f"{turns[-1][1]}\n\n{speaker}:{said}")
        else:
            turns.append((speaker, said))
    return tuple({"role": _SPEAKERS[speaker], "content": said.strip()} for speaker, said in turns)


def is_blank(turn: Message) -> bool:
    """Nothing is said or thought, and no tool is called."""
    return not turn["content"].strip() and not turn.get("tool_calls") and not turn.get(REASONING, "").strip()


def _from_sharegpt(value: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The message under the names that others use; what stands beside ``from`` and ``value`` stays."""
    speaker, said = value["from"], value.get("value")
    if not isinstance(speaker, str) or speaker not in _SHAREGPT_ROLES:
        raise InputError(f"{where}.from is {speaker!r}; known are {', '.join(_SHAREGPT_ROLES)}")
    if not isinstance(said, str | list):
        raise InputError(f"{where}.value must be a string, this is {kind_of(said)}")
    more = {key: inner for key, inner in value.items() if key not in {"from", "value"}}
    if speaker != "function_call" or not isinstance(said, str):
        return {**more, "role": _SHAREGPT_ROLES[speaker], "content": said}
    called = decode_json(said, f"{where}.value (a function_call)")
    calls = _calls(called if isinstance(called, list) else [called], f"{where}.value")
    return {**more, "role": "assistant", "content": "", "tool_calls": calls}


def _called(calls: Any, function_call: Any, where: str) -> list[Mapping[str, Any]]:
    """The tool calls, of the current form or the older one."""
    if function_call in (None, "", {}):
        return _calls(structure(calls, f"{where}.tool_calls"), f"{where}.tool_calls") if calls else []
    if calls:
        raise InputError(f"{where} has both `tool_calls` and `function_call`; keep one")
    return [_call(structure(function_call, f"{where}.function_call"), f"{where}.function_call")]


def _reasoning(given: Mapping[str, Any], thought: str, where: str) -> str:
    """The reasoning behind an answer; blank where there is none."""
    found = {key: given[key] for key in _REASONING if given.get(key) not in (None, "")}
    texts = {key: content_of(inner, f"{where}.{key}")[0] for key, inner in found.items()}
    different = {text for text in (*texts.values(), thought) if text}
    if len(different) > 1:
        raise InputError(f"{where} holds two different texts of reasoning ({', '.join(texts)}); keep one")
    return next(iter(different)) if different else ""


def _learnt(given: Mapping[str, Any], where: str) -> bool:
    """Whether a message is to be learnt, as its flags say; it is where there is none."""
    said: dict[str, bool] = {}
    for key in _FLAGS:
        if key in given:
            flag = given[key]
            if not isinstance(flag, bool | int | float) or flag not in (0, 1):
                raise InputError(
                    f"{where}.{key} is {flag!r}; it says whether the message is learnt, by 0 or 1 (false or true)"
                )
            said[key] = bool(flag)
    if len(set(said.values())) > 1:
        raise InputError(f"{where} says both yes and no: {', '.join(f'{k}: {given[k]}' for k in said)}; keep one")
    return all(said.values())


def _calls(value: Any, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list of tool calls, this is {kind_of(value)}")
    return [_call(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _call(value: Any, where: str) -> Mapping[str, Any]:
    function = value.get("function", value) if isinstance(value, Mapping) else value
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InputError(f"{where} must be a call {{name, arguments}}, this is {_shown(function)}")
    arguments = function.get("arguments")
    if isinstance(arguments, str):  # OpenAI writes them as JSON text, which templates would quote once more
        arguments = decode_json(arguments, f"{where}.arguments") if arguments.strip() else None
    if not isinstance(arguments, Mapping | None):
        raise InputError(f"{where}.arguments must be an object, this is {kind_of(arguments)}")
    call = {"type": "function", "function": {"name": function["name"], "arguments": dict(arguments or {})}}
    return {"id": value["id"], **call} if value.get("id") is not None else call


def _schema(value: Any, where: str) -> Mapping[str, Any]:
    function = value.get("function", value) if isinstance(value, Mapping) else value
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InputError(f"{where} must be a schema {{name, description, parameters}}, this is {_shown(function)}")
    return {"type": "function", "function": function}


def _shown(value: Any) -> str:
    return f"an object with {', '.join(value) or 'no keys'}" if isinstance(value, Mapping) else kind_of(value)
