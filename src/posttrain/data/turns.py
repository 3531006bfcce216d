"""Messages and tools, checked and brought into the one form that chat templates take."""

import re
from collections.abc import Mapping
from typing import Any

from posttrain.data.example import Message
from posttrain.data.strict_json import decode, kind_of
from posttrain.errors import InputError

Turns = tuple[Message, ...]

ROLES = ("system", "developer", "user", "assistant", "tool")

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
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list of messages, this is {kind_of(value)}")
    if not value:
        raise InputError(f"{where} is an empty conversation; drop the row")
    return tuple(message(item, f"{where}[{index}]") for index, item in enumerate(value))


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
    """One message; keys without a value are left out (Parquet writes null for what other rows have)."""
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be a message {{role, content}}, this is {kind_of(value)}")
    if "from" in value and "role" not in value:
        return _from_sharegpt(value, where)
    role = value.get("role")
    if role is None:
        raise InputError(f"{where} has no `role`; its keys are {', '.join(map(str, value))}")
    if role not in ROLES:
        raise InputError(f"{where}.role is {role!r}; roles are {', '.join(ROLES)}")
    kept = {key: inner for key, inner in value.items() if inner is not None}
    calls = kept.pop("tool_calls", None)
    if calls:
        kept["tool_calls"] = _calls(calls, f"{where}.tool_calls")
        kept.setdefault("content", "")
    if not isinstance(kept.get("content"), str):
        raise InputError(f"{where}.content must be a string, this is {kind_of(value.get('content'))}")
    return kept


def tools(value: Any, where: str) -> tuple[Mapping[str, Any], ...] | None:
    """Function schemas, from a list or its JSON text; a bare ``{name, parameters}`` is wrapped for templates."""
    if isinstance(value, str):
        value = decode(value, where) if value.strip() else None
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
    """Nothing is said and no tool is called."""
    return not turn["content"].strip() and not turn.get("tool_calls")


def _from_sharegpt(value: Mapping[str, Any], where: str) -> Message:
    speaker, said = value["from"], value.get("value")
    if not isinstance(speaker, str) or speaker not in _SHAREGPT_ROLES:
        raise InputError(f"{where}.from is {speaker!r}; known are {', '.join(_SHAREGPT_ROLES)}")
    if not isinstance(said, str):
        raise InputError(f"{where}.value must be a string, this is {kind_of(said)}")
    if speaker != "function_call":
        return {"role": _SHAREGPT_ROLES[speaker], "content": said}
    called = decode(said, f"{where}.value (a function_call)")
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": _calls(called if isinstance(called, list) else [called], f"{where}.value"),
    }


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
        arguments = decode(arguments, f"{where}.arguments") if arguments.strip() else None
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
