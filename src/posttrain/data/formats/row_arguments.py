"""The template arguments of a row: the column ``chat_template_kwargs``, as TRL's conversational data sets name it."""

from collections.abc import Mapping
from typing import Any

from posttrain.data.files.strict_json import kind_of
from posttrain.data.formats.tool_calls import structure
from posttrain.errors import InputError

ROW_ARGUMENTS = "chat_template_kwargs"


def read_row_arguments(row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The variables that a row sets for the chat template; empty if it sets none. A null value sets nothing.

    Args:
        row: the row's columns under their standard names.
        where: ``file:line``.

    Raises:
        InputError: the column holds no object, or its JSON text is broken.
    """
    value = row.get(ROW_ARGUMENTS)
    if value is None or (isinstance(value, str) and not value.strip()):
        return {}
    arguments = structure(value, f"{where}: {ROW_ARGUMENTS}")
    if not isinstance(arguments, Mapping):
        raise InputError(
            f'{where}: {ROW_ARGUMENTS} must be an object, such as {{"enable_thinking": false}}, '
            f"this is {kind_of(arguments)}"
        )
    return {str(name): argument for name, argument in arguments.items() if argument is not None}
