"""The commented starting recipes, one for each kind of stage."""

from collections.abc import Mapping
from importlib.resources import files

import yaml

from posttrain.audit.rows.convention import reading_of
from posttrain.data.files.hub import SCHEME
from posttrain.data.files.read import read_rows
from posttrain.errors import InputError
from posttrain.recipe.stages.registry import STAGES

STARTERS: Mapping[str, str] = {kind: options.starter for kind, options in STAGES.items()} | {
    "imitate": "posttrain.recipe:starters/imitate.yaml",
    "all": "posttrain.recipe:starters/all.yaml",
    "rounds": "posttrain.recipe:starters/rounds.yaml",
}
"""Kind → ``package:file`` of its starting recipe."""


def starter(kind: str, *, data: str | None = None, model: str | None = None) -> str:
    """The text of a starting recipe.

    Args:
        data: replaces the first stage's data file everywhere in the recipe; None keeps the starter's file name.
        model: replaces the recipe's model; None keeps the starter's model.

    Raises:
        InputError: there is no starting recipe of this kind.
    """
    if kind not in STARTERS:
        raise InputError(f"init: there is no starting recipe {kind}; {kinds_of_starters()}")
    package, _, file = STARTERS[kind].partition(":")
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    if model is not None:
        text = text.replace(f"model: {values['model']}", f"model: {_quoted(model)}", 1)
    if data is not None:
        text = text.replace(_first_data(values), _quoted(data))
        if columns := _columns_meant(data):
            named = ", ".join(f"{ours}: {_quoted(theirs)}" for ours, theirs in columns.items())
            text = text.replace("columns: {}}", f"columns: {{{named}}}}}    # a guess: check them", 1)
    return text


def kinds_of_starters() -> str:
    """One line for each kind: its name and the first sentence of its recipe."""
    lines = [
        f"  {kind:<11}{starter(kind).splitlines()[0].removeprefix('# ').split('. ')[0].rstrip('.')}"
        for kind in STARTERS
    ]
    return "choose one of these kinds:\n" + "\n".join(lines)


def _columns_meant(data: str) -> Mapping[str, str]:
    """Standard column name → the file's column name, guessed from the names if the columns fit no convention."""
    try:
        row = None if data.startswith(SCHEME) else next(read_rows(data), None)
    except InputError:  # `validate` reports the problem
        return {}
    columns = {} if row is None else reading_of(row, {}).columns
    return columns if "completion" in columns else {}


def _first_data(values: dict[str, dict[str, dict[str, object]]]) -> str:
    first: object = next(iter(values["stages"].values()))["data"]
    while not isinstance(first, str):
        first = first[0] if isinstance(first, list) else first["path"]  # type: ignore[index]
    return first


def _quoted(text: str) -> str:
    """A text as a YAML value, with quotes if YAML needs them."""
    return yaml.safe_dump([text], default_flow_style=True, allow_unicode=True, width=10**6).strip()[1:-1]
