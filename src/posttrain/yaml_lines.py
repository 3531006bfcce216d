"""YAML that remembers on which line each key stands, and refuses a key given twice."""

from pathlib import Path
from typing import Any

import yaml

from posttrain.errors import InputError

KeyPath = tuple[str | int, ...]


def read_yaml(path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """The document, and the line of every key path in it, counted from 1.

    Raises:
        InputError: missing, not UTF-8, not YAML, or a key given twice in one mapping.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such recipe; `posttrain init sft` writes one to start from")
    try:
        text = path.read_text(encoding="utf-8")
        if "\0" in text:
            raise InputError(f"{path}: holds NUL bytes; save the recipe as plain UTF-8 text")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save the recipe as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: not valid YAML ({error.problem or error.context})") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from error
    lines: dict[KeyPath, int] = {}
    if node is not None:
        _note_lines(node, (), lines, path)
    return value, lines


def _note_lines(node: yaml.Node, at: KeyPath, lines: dict[KeyPath, int], path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            here = (*at, str(key_node.value))
            line = key_node.start_mark.line + 1
            if here in lines:
                raise InputError(
                    f"{path}:{line}: {'.'.join(map(str, here))} is given twice (first on line {lines[here]}); keep one"
                )
            lines[here] = line
            _note_lines(value_node, here, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value_node in enumerate(node.value):
            lines[(*at, index)] = value_node.start_mark.line + 1
            _note_lines(value_node, (*at, index), lines, path)
