"""Tool calls and tool schemas, checked and brought into the form that chat templates read."""

from collections.abc import Mapping
from typing import Any

from posttrain.data.files.strict_json import decode_json, kind_of
from posttrain.errors import InputError


def structure(value: Any, where: str) -> Any:
    """A list or object; CSV and some Parquet files write it as JSON text, which is decoded.

    Raises:
        InputError: the text begins like a list or object, but is broken JSON.
    """
    return decode_json(value, where) if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"} else value


def read_tools(value: Any, where: str) -> tuple[Mapping[str, Any], ...] | None:
    """Function schemas from a list or its JSON text. A bare ``{name, parameters}`` is wrapped, as templates need it."""
    if isinstance(value, str):
        value = decode_json(value, where) if value.strip() else None
    if value is None or value in ([], ()):
        return None
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list of function schemas, this is {kind_of(value)}")
    return tuple(_schema(item, f"{where}[{index}]") for index, item in enumerate(value))


def read_calls(calls: Any, function_call: Any, where: str) -> list[Mapping[str, Any]]:
    """The tool calls of a message, in the current form (``tool_calls``) or the older one (``function_call``)."""
    if function_call in (None, "", {}):
        return calls_in(structure(calls, f"{where}.tool_calls"), f"{where}.tool_calls") if calls else []
    if calls:
        raise InputError(f"{where} has both `tool_calls` and `function_call`; keep one")
    return [_call(structure(function_call, f"{where}.function_call"), f"{where}.function_call")]


def calls_in(value: Any, where: str) -> list[Mapping[str, Any]]:
    """The tool calls of a list."""
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} must be a list of tool calls, this is {kind_of(value)}")
    return [_call(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _call(value: Any, where: str) -> Mapping[str, Any]:
    function = value.get("function", value) if isinstance(value, Mapping) else value
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InputError(f"{where} must be a call {{name, arguments}}, this is {_shown(function)}")
    arguments = function.get("arguments")
    if isinstance(arguments, str):  # OpenAI writes JSON text, which templates would quote again
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
