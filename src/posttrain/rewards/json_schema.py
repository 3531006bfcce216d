"""JSON Schema validation. A schema with a rule that cannot be checked is refused when it is read."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsonschema_rs as rs

from posttrain.data.files.strict_json import kind_of
from posttrain.errors import InputError


def validator(schema: Any, where: str) -> Callable[[Any], bool]:
    """A function from a value to whether it fits the schema. The draft is that of `$schema`, else 2020-12.

    Every rule of the schema is checked: a format, pattern or reference that cannot be checked is refused here. Nothing
    is fetched. Numbers are compared as decimals (19.99 is a multiple of 0.01). Patterns are those of ECMA-262. A search
    has a bound on its steps, and the function raises an `InputError` where a search reaches it.

    Args:
        where: the schema's place, for messages.

    Raises:
        InputError: it is no schema, or it has an unknown format, a pattern that does not compile, or a `$ref` to
            something outside of it. The message has the path to the key.
    """
    if not isinstance(schema, Mapping | bool):
        raise InputError(f"{where}: no JSON Schema: it is {kind_of(schema)}, and not an object")
    try:
        checker = rs.validator_for(
            json.dumps(schema if isinstance(schema, bool) else dict(schema)),
            validate_formats=True,
            ignore_unknown_formats=False,
            formats=_formats_of_later_drafts(),
            offline=True,
        )
    except (rs.ValidationError, rs.ReferencingError, TypeError, ValueError) as error:
        raise InputError(f"{where}: no JSON Schema: {_problem(error)}") from error

    def fits(value: Any) -> bool:
        try:
            if checker.is_valid(value):
                return True
            errors = checker.iter_errors(value)
            bound = next((e for e in errors if isinstance(e.kind, rs.ValidationErrorKind.BacktrackLimitExceeded)), None)
        except ValueError:  # nested deeper than the library reads; no schema needs that
            return False
        if bound is not None:
            raise InputError(f"{where}: a pattern takes too many steps (at {_json_path(bound.schema_path)})")
        return False

    return fits


def _formats_of_later_drafts() -> dict[str, Callable[[str], bool]]:
    """`uuid` and `duration`. Drafts before 2019-09 do not define them, but users write them there as well."""
    return {name: rs.Draft202012Validator({"format": name}, validate_formats=True).is_valid for name in _LATER}


def _problem(error: Exception) -> str:
    """The problem of a schema, with its place and the next step."""
    if not isinstance(error, rs.ValidationError):
        return str(error)
    message = _UNKNOWN_FORMAT.sub(r"format \1 is not checked here; remove it, or write a `pattern`", error.message)
    if isinstance(error.kind, rs.ValidationErrorKind.Referencing):
        return f"{message}; a `$ref` must lead to a part of the schema itself, since nothing is fetched"
    return f"{message} (at {_json_path(error.instance_path)})"


def _json_path(keys: Sequence[str | int]) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


_LATER = ("uuid", "duration")
_UNKNOWN_FORMAT = re.compile(r"^Unknown format: ('[^']*').*", re.DOTALL)
