"""``--sweep key=value,value``: the runs of a sweep, each with its changes of the recipe."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from posttrain.errors import InputError
from posttrain.files import hash_of
from posttrain.recipe.inputs import load_ready
from posttrain.recipe.schema import Recipe

LONGEST_VALUE = 40
"""The most characters of a value in the name of a run."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One run of a sweep.

    Args:
        name: of its folder, such as ``beta=0.1``.
        values: key path → value as text.
    """

    name: str
    values: Mapping[str, str]

    @property
    def overrides(self) -> list[str]:
        """Its changes of the recipe, as ``--set`` takes them."""
        return [f"{key}={value}" for key, value in self.values.items()]

    @property
    def label(self) -> str:
        """Its values, short."""
        return ", ".join(self.values.values())


def sweep_points(sweeps: Sequence[str]) -> list[SweepPoint]:
    """The grid of all combinations of the values.

    Args:
        sweeps: texts ``key.path=value,value``; a comma inside brackets or quotes separates no values.

    Raises:
        InputError: a text is no such list, a key or a value occurs twice, or there is only one run.
    """
    axes: dict[str, list[str]] = {}
    for text in sweeps:
        key, sign, raw = text.partition("=")
        values = _split(raw)
        if not sign or not key or not all(values):
            raise InputError(f"--sweep {text}: expected key.path=value,value, such as stages.dpo.beta=0.05,0.1,0.2")
        if key in axes:
            raise InputError(f"--sweep {key}: is given twice; list all its values in one --sweep")
        if repeated := [value for value, count in Counter(values).items() if count > 1]:
            raise InputError(f"--sweep {key}: {repeated[0]} is given twice")
        axes[key] = values
    grid = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    if len(grid) < 2:
        raise InputError(f"--sweep {', '.join(sweeps)}: one value is no sweep; give several, or use --set")
    short = _short_keys(list(axes))
    names = ["_".join(f"{short[key]}={_in_a_name(value)}" for key, value in point.items()) for point in grid]
    count = Counter(name.lower() for name in names)
    unique = [n if count[n.lower()] == 1 else f"{n}-{hash_of(p)[:6]}" for n, p in zip(names, grid, strict=True)]
    return [SweepPoint(name, point) for name, point in zip(unique, grid, strict=True)]


def load_sweep(path: Path, sets: Sequence[str], sweeps: Sequence[str]) -> list[tuple[SweepPoint, Recipe]]:
    """Every run of a sweep with its recipe; all recipes are checked before anything runs.

    Raises:
        InputError: a value is not valid, or two runs have the same recipe; one line for each problem.
    """
    recipes: list[tuple[SweepPoint, Recipe]] = []
    problems: dict[str, None] = {}
    for point in sweep_points(sweeps):
        try:
            recipe = load_ready(path, [*sets, *point.overrides])
        except InputError as error:
            named = str(error)
            for key in point.values:
                named = named.replace(f"--set {key}", f"--sweep {key}")
            problems |= dict.fromkeys(named.splitlines())
            continue
        if twin := next((other.name for other, known in recipes if known == recipe), None):
            problems[f"--sweep: {point.name} and {twin} give the same recipe; leave one out"] = None
        recipes.append((point, recipe))
    if problems:
        raise InputError("\n".join(problems))
    return recipes


def _split(raw: str) -> list[str]:
    """The values between commas, without commas inside brackets or quotes."""
    values, depth, quote = [""], 0, ""
    for letter in raw:
        if quote or letter in "'\"":
            quote = letter if not quote else "" if letter == quote else quote
        depth += 0 if quote else (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def _short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Key path → its last key, or the whole path where two end alike."""
    last = Counter(key.rpartition(".")[2] for key in keys)
    return {key: end if last[end := key.rpartition(".")[2]] == 1 else key for key in keys}


def _in_a_name(value: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", value).strip("-.")[:LONGEST_VALUE] or "empty"
