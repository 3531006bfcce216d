"""``--set key.path=value``: change one thing of a recipe from the command line."""

from typing import Any

import yaml

from posttrain.errors import InputError
from posttrain.yaml_lines import KeyPath


def override(values: dict[str, Any], text: str) -> KeyPath:
    """Put one override into a recipe's values; numbers count the items of a list.

    Returns:
        the key path that was set.

    Raises:
        InputError: it is not ``key.path=value``, or leads through what is no mapping or list.
    """
    key, sign, raw = text.partition("=")
    path: KeyPath = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    if not sign or not all(str(part) for part in path):
        raise InputError(f"--set {text}: expected key.path=value, such as --set stages.sft.learning_rate=1e-4")
    try:
        value = _number(yaml.safe_load(raw))
    except yaml.YAMLError as error:
        raise InputError(f"--set {text}: the value is not valid YAML") from error
    holder: Any = values
    for depth, part in enumerate(path):
        if not _fits(part, holder):
            raise InputError(f"--set {text}: the recipe has no {'.'.join(map(str, path[: depth + 1]))}")
        if depth == len(path) - 1:
            holder[part] = value
        elif part not in holder and isinstance(part, str):
            holder[part] = {}
        holder = holder[part]
    return path


def _fits(part: str | int, holder: Any) -> bool:
    """Whether `holder` can be asked for `part`: a mapping for any key, a list for an item it has."""
    if isinstance(holder, list):
        return isinstance(part, int) and part < len(holder)
    return isinstance(holder, dict)


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as a string; people mean the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
