"""The commented starting recipes, one for each kind of stage."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from posttrain.data.formats.conventions import Kind
from posttrain.errors import InputError
from posttrain.recipe.stages.registry import STAGES

STARTERS: Mapping[str, str] = {kind: options.starter for kind, options in STAGES.items()} | {
    "imitate": "posttrain.recipe:starters/imitate.yaml",
    "all": "posttrain.recipe:starters/all.yaml",
    "rounds": "posttrain.recipe:starters/rounds.yaml",
}
"""Kind → ``package:file`` of its starting recipe."""


def starter(
    kind: str, *, data: str | None = None, model: str | None = None, columns: Mapping[str, str] | None = None
) -> str:
    """The text of a starting recipe.

    Args:
        data: replaces the first stage's data file everywhere in the recipe; None keeps the starter's file name.
        model: replaces the recipe's model; None keeps the starter's model.
        columns: standard name → the column of `data`, where they differ.

    Raises:
        InputError: there is no starting recipe of this kind.
    """
    text = _starter_text(kind)
    values = yaml.safe_load(text)
    if model is not None:
        text = text.replace(f"model: {values['model']}", f"model: {flow_yaml(model)}", 1)
    return text if data is None else _with_data(text, _first_data(values), data, columns or {})


def kinds_of_starters() -> str:
    """One line for each kind: its name and the first sentence of its recipe."""
    lines = [
        f"  {kind:<11}{starter(kind).splitlines()[0].removeprefix('# ').split('. ')[0].rstrip('.')}"
        for kind in STARTERS
    ]
    return "choose one of these kinds:\n" + "\n".join(lines)


def reader_of_starter(kind: str) -> str:
    """The kind of the stage that reads a starting recipe's first data file: a training stage if there is one.

    Raises:
        InputError: there is no starting recipe of this kind.
    """
    values = yaml.safe_load(_starter_text(kind))
    first = _first_data(values)
    readers = [stage["kind"] for stage in values["stages"].values() if _path_of(stage.get("data", "")) == first]
    return next((name for name in readers if hasattr(STAGES[name], "rows")), readers[0])


def rows_of_starter(kind: str) -> Kind:
    """The kind of rows that a starting recipe reads from its first data file.

    Raises:
        InputError: there is no starting recipe of this kind.
    """
    return getattr(STAGES[reader_of_starter(kind)], "rows", "prompt")


def flow_yaml(value: Any) -> str:
    """A value as YAML on one line, with quotes where YAML needs them."""
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    return text.strip()[1:-1]


def _starter_text(kind: str) -> str:
    if kind not in STARTERS:
        raise InputError(f"init: there is no starting recipe {kind}; {kinds_of_starters()}")
    package, _, file = STARTERS[kind].partition(":")
    return files(package).joinpath(file).read_text(encoding="utf-8")


def _with_data(text: str, first: str, data: str, columns: Mapping[str, str]) -> str:
    """The text with another data file in place of the first one, wherever that is named."""
    path = flow_yaml(data)
    if not columns:
        return text.replace(first, path)
    source = f"path: {path}, columns: {flow_yaml(dict(columns))}"
    text = re.sub(rf"path: {re.escape(first)}(?:, columns: {{}})?", lambda _: source, text)
    return re.sub(rf"data: {re.escape(first)}", lambda _: f"data: {{{source}}}", text)


def _first_data(values: Mapping[str, Any]) -> str:
    return _path_of(next(iter(values["stages"].values()))["data"])


def _path_of(data: Any) -> str:
    """The first path of a stage's data."""
    while not isinstance(data, str):
        data = data[0] if isinstance(data, list) else data["path"]
    return data
