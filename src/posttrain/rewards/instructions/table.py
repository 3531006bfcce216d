"""The table of instructions, and the instructions of a row."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.rewards.instructions import content, formats, keywords, languages, lengths
from posttrain.rewards.instructions.instruction import VerifiableInstruction
from posttrain.rewards.types import Row

MODULES = (keywords, languages, lengths, content, formats)
"""The modules with instructions."""

INSTRUCTION_TYPES: Mapping[str, type[VerifiableInstruction]] = {
    one.type_name: one
    for module in MODULES
    for one in cast(tuple[type[VerifiableInstruction], ...], module.INSTRUCTIONS)
}
"""IFEval's name of the type → the instruction."""

SHORT_NAMES: Mapping[str, str] = {name.partition(":")[2]: name for name in INSTRUCTION_TYPES}
"""The name behind the colon → the whole name."""


def instructions_of(row: Row) -> tuple[VerifiableInstruction, ...]:
    """The instructions of a row.

    They are in the columns `instruction_id_list` and `kwargs`, as IFEval has them, or in `metadata.instructions` as
    objects of `kind` and the same arguments. Arguments that are null count as missing.

    Raises:
        InputError: there are none, a type is unknown, or its arguments are wrong.
    """
    metadata = row.get("metadata")
    listed = metadata.get("instructions") if isinstance(metadata, Mapping) else None
    if (listed is None) == (row.get("instruction_id_list") is None):
        raise InputError("the row needs either `metadata.instructions` or `instruction_id_list` with `kwargs`")
    pairs = _of_columns(row) if listed is None else _of_objects(listed)
    if not pairs:
        raise InputError("the row has an empty list of instructions")
    return tuple(_instruction(place, name, arguments) for place, name, arguments in pairs)


def _of_columns(row: Row) -> list[tuple[str, Any, Any]]:
    names, arguments = row["instruction_id_list"], row.get("kwargs")
    if not isinstance(names, list) or not isinstance(arguments, list) or len(names) != len(arguments):
        raise InputError("`instruction_id_list` and `kwargs` should be lists of the same length")
    return [(f"kwargs[{i}]", *pair) for i, pair in enumerate(zip(names, arguments, strict=True))]


def _of_objects(listed: Any) -> list[tuple[str, Any, Any]]:
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) and "kind" in one for one in listed):
        raise InputError('`metadata.instructions` should be a list of objects such as {"kind": "no_comma"}')
    return [
        (f"metadata.instructions[{i}]", one["kind"], {key: one[key] for key in one if key != "kind"})
        for i, one in enumerate(listed)
    ]


def _instruction(place: str, name: Any, arguments: Any) -> VerifiableInstruction:
    kind = INSTRUCTION_TYPES.get(SHORT_NAMES.get(name, name)) if isinstance(name, str) else None
    if kind is None:
        raise InputError(f"{place}: there is no instruction {name!r}; known are {', '.join(SHORT_NAMES)}")
    if arguments is not None and not isinstance(arguments, Mapping):
        raise InputError(f"{place}: the arguments of `{name}` should be an object")
    given = {key: value for key, value in (arguments or {}).items() if value is not None}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or name}: {_plain(e['msg'])}" for e in error.errors())
        raise InputError(f"{place}: `{name}`: {problems}") from error


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")
