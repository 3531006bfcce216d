"""The text of a converted recipe: the keys with comments, and below them what has no counterpart."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

import yaml

from posttrain.convert.conversion import Conversion, Note

_WIDTH = 118


def recipe_text_of(conversion: Conversion) -> str:
    """The recipe as YAML with comments."""
    lines = [*_head(conversion), "", *_recipe(conversion), "", "stages:", f"  {conversion.config.kind}:"]
    for key, value in conversion.stage.items():
        lines += _entry(f"    {key}: {_flow(value)}", conversion.remarks.get(key, ""), "    ")
    lines += _notes("Not supported: in these points the run will differ.", conversion.lost)
    known = f"{conversion.peer.title} {conversion.peer.version}"
    lines += _notes(f"Unknown: the table of {known} has no such keys, so nothing came of them.", conversion.unknown)
    lines += _notes("Without a key: given the other keys, posttrain does the same.", conversion.without_effect)
    lines += _notes("Not needed: these keys change nothing here.", conversion.not_needed)
    return "\n".join(lines) + "\n"


def _head(conversion: Conversion) -> Iterator[str]:
    config, peer = conversion.config, conversion.peer
    devices = "1 device" if config.devices == 1 else f"{config.devices} devices"
    yield from _comment(
        f"Converted from {config.path.name}, a configuration of {peer.title} ({config.kind}), for {devices} "
        f"(--devices changes it). docs/{peer.page} says what each key becomes.",
        "",
    )
    yield from _comment(
        f"Relative paths start at this file's folder: put it where you ran {peer.title}. Then run `posttrain validate` "
        "and `posttrain plan`.",
        "",
    )


def _recipe(conversion: Conversion) -> Iterator[str]:
    for key, value in conversion.recipe.items():
        if key != "stages":
            yield from _entry(f"{key}: {_flow(value)}", conversion.remarks.get(key, ""), "")


def _entry(text: str, remark: str, indent: str) -> list[str]:
    """A key with its comment: on its line if there is room, else above it."""
    if not remark:
        return [text]
    if len(text) + len(remark) + 4 <= _WIDTH:
        return [f"{text}  # {remark}"]
    return [*_comment(remark, indent), text]


def _notes(title: str, notes: Sequence[Note]) -> Iterator[str]:
    if notes:
        yield ""
        yield from _comment(title, "")
    for note in notes:
        yield from _comment(f"- {note.keys}" + (f" -> {note.text}" if note.text else ""), "", "  ")


def _comment(text: str, indent: str, further: str = "") -> list[str]:
    plain = " ".join(text.split())
    return wrap(
        plain,
        _WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# {further}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _flow(value: Any) -> str:
    """A value on one line."""
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6).strip()[
        1:-1
    ]
