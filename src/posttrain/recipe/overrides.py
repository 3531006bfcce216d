"""``--set key.path=value``: change one value of a recipe from the command line."""

from typing import Any

from posttrain.errors import InputError
from posttrain.recipe.yaml_lines import DEEPEST, KeyPath, parse_yaml


def override(values: dict[str, Any], text: str) -> tuple[KeyPath, str]:
    """Apply one override to a recipe's values.

    A number in the path is the index of a list item. A key that contains dots needs no quotes.

    Returns:
        the key path that was set, and the value's text.

    Raises:
        InputError: the text is not ``key.path=value``, or its path goes through a value that has no keys.
    """
    key, sign, raw = text.partition("=")
    rest = key.split(".")
    if not sign or not all(rest):
        raise InputError(f"--set {text}: expected key.path=value, such as --set stages.sft.learning_rate=1e-4")
    if len(rest) > DEEPEST:
        raise InputError(f"--set {key[:40]}...: the path has {len(rest):,} keys; a recipe has at most {DEEPEST} levels")
    value = parse_yaml(raw, f"--set {key}")
    path: KeyPath = ()
    holder: Any = values
    while rest:
        part, rest = _next(holder, rest, f"--set {key}: the recipe has no {'.'.join(map(str, (*path, rest[0])))}")
        path = (*path, part)
        if not rest:
            holder[part] = value
        elif isinstance(holder, dict) and holder.get(part) is None:
            holder[part] = {}
        holder = holder[part]
    return path, raw


def _next(holder: Any, rest: list[str], problem: str) -> tuple[str | int, list[str]]:
    """The next key or index below `holder`, and the rest of the path.

    Raises:
        InputError: `holder` cannot have such a key; the message is `problem`.
    """
    if isinstance(holder, dict):
        known = (n for n in range(len(rest), 0, -1) if ".".join(rest[:n]) in holder)
        taken = next(known, 1)
        return ".".join(rest[:taken]), rest[taken:]
    if isinstance(holder, list) and rest[0].isascii() and rest[0].isdecimal() and int(rest[0]) < len(holder):
        return int(rest[0]), rest[1:]
    raise InputError(problem)
