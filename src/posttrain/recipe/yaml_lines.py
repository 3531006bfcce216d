"""A YAML reader that records the line of each key.

Keys are always text. Numbers follow YAML 1.2: `1e-4` is a number; `1:30` and a date are text.
The reader refuses YAML features that a recipe never needs: duplicate keys, tags, values that contain themselves, and
very many aliases.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from posttrain.errors import InputError

KeyPath = tuple[str | int, ...]

DEEPEST = 40
"""The limit on levels of nesting; a recipe has about eight levels."""
MOST_NODES = 100_000
"""The limit on values. Values behind an alias count once for each use."""

_TAG = "tag:yaml.org,2002:"
_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
UNUSABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that are not allowed in a recipe's texts."""


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of YAML 1.1, with the numbers of YAML 1.2 and without dates."""

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012


for _kind, _pattern, _first in (
    ("bool", r"(?i:yes|no|true|false|on|off)", "yYnNtTfFoO"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(?i:inf)|\.(?i:nan)", "-+.0123456789"),
    ("null", r"~|(?i:null)|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(f"^(?:{_pattern})$"), list(_first))


def read_yaml(path: Path) -> tuple[Any, dict[KeyPath, int]]:
    """The document, and the line of every key path in it, counted from 1.

    Raises:
        InputError: the file is missing, not UTF-8 or not YAML, or uses a refused feature (see above).
    """
    try:
        if not path.is_file():
            raise InputError(f"{path}: there is no such recipe; `posttrain init sft` writes a starting recipe")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the recipe is not UTF-8 (byte {error.start}); save the recipe as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: the recipe cannot be read ({error.strerror})") from error
    if "\0" in text:
        raise InputError(f"{path}: the recipe contains NUL bytes; save the recipe as plain UTF-8 text")
    walk = _Walk(str(path))
    return walk.read(text), walk.lines


def parse_yaml(text: str, name: str) -> Any:
    """The value of a short text, such as an override.

    Raises:
        InputError: see `read_yaml`; the message begins with `name`.
    """
    return _Walk(name).read(text)


@dataclass(slots=True)
class _Walk:
    """Converts PyYAML's nodes to values.

    Args:
        name: the file, for messages.
        lines: key path → line, for the nodes read so far.
        nodes: the number of nodes read so far.
    """

    name: str
    lines: dict[KeyPath, int] = field(default_factory=dict[KeyPath, int])
    nodes: int = 0

    def read(self, text: str) -> Any:
        try:
            self._check_depth(text)
            node = _Loader(text).get_single_node()
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(f"{self.name}:{line}: not valid YAML ({error.problem or error.context})") from error
        except yaml.reader.ReaderError as error:
            line = text[: error.position].count("\n") + 1
            raise InputError(f"{self.name}:{line}: YAML does not allow this character ({error.reason})") from error
        return None if node is None else self._value(node, (), ())

    def _check_depth(self, text: str) -> None:
        """Refuse deep nesting with PyYAML's parser, since its composer is recursive."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise self._error(event, f"values are nested more than {DEEPEST} levels deep; use fewer levels")

    def _error(self, at: yaml.Node | yaml.Event, problem: str) -> InputError:
        return InputError(f"{self.name}:{at.start_mark.line + 1}: {problem}")

    def _value(self, node: yaml.Node, at: KeyPath, inside: tuple[yaml.Node, ...]) -> Any:
        self.nodes += 1
        if node in inside:
            raise self._error(node, f"{_shown(at)} contains itself (by a `*` alias); write the value out")
        if self.nodes > MOST_NODES:
            raise self._error(
                node, f"the recipe has more than {MOST_NODES:,} values (aliases of aliases?); write a smaller recipe"
            )
        inside = (*inside, node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, at)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            for index, item in enumerate(node.value):
                self.lines[(*at, index)] = item.start_mark.line + 1
            return [self._value(item, (*at, index), inside) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, at, inside)
        raise self._tag_error(node)

    def _mapping(self, node: yaml.MappingNode, at: KeyPath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged |= self._merged(value_node, at, inside)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "this key is a list or a mapping; a key must be text")
            key = self._text(key_node, str(key_node.value))
            here, line = (*at, key), key_node.start_mark.line + 1
            if key in own:
                raise self._error(
                    key_node, f"{_shown(here)} appears twice (first on line {self.lines[here]}); keep one of them"
                )
            self.lines[here] = line
            own[key] = self._value(value_node, here, inside)
        return merged | own

    def _merged(self, node: yaml.Node, at: KeyPath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        """The keys that `<<` adds, from one or several mappings; the first mapping with a key decides its value."""
        merged: dict[str, Any] = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value = self._value(source, at, inside)
            if not isinstance(value, dict):
                raise self._error(source, "`<<` needs a mapping or a list of mappings")
            merged = value | merged
        return merged

    def _scalar(self, node: yaml.ScalarNode, at: KeyPath) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(_TAG)
        try:
            match kind:
                case "str":
                    return self._text(node, text)
                case "null":
                    return None
                case "bool":
                    return _BOOLEANS[text.lower()]
                case "int":
                    return int(text, 0 if text[1:2] in {"o", "x"} else 10)
                case "float":
                    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
                case _:
                    raise self._tag_error(node)
        except (ValueError, KeyError) as error:
            raise self._error(node, f"{_shown(at)} has the tag {kind}, but its value is not; correct it") from error

    def _text(self, node: yaml.Node, text: str) -> str:
        if UNUSABLE.search(text):
            raise self._error(node, "the text contains a NUL or half a character (a lone surrogate); remove it")
        return text

    def _tag_error(self, node: yaml.Node) -> InputError:
        tag = node.tag.replace(_TAG, "!!")
        return self._error(node, f"a recipe cannot have the tag {tag}; write plain text, numbers, lists and mappings")


def _shown(at: KeyPath) -> str:
    return ".".join(map(str, at)) or "the recipe"
