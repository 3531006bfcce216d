"""Suites without a recipe: a YAML file of ``suites:``, or one suite from options of the command line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from posttrain.errors import InputError
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.suites.registry import SUITE_KINDS, Suite, suite_kind
from posttrain.options import NAME, RESERVED, Options, TemplateArguments
from posttrain.recipe.overrides import override
from posttrain.recipe.problems import RecipeSource, explain
from posttrain.recipe.schema import Named
from posttrain.recipe.set_options import options_from_sets
from posttrain.recipe.yaml_lines import read_yaml


class _Arguments(Options):
    """Template arguments of the command line."""

    template_arguments: TemplateArguments = Field(default={}, description="name → value")


class SuiteFile(Options):
    """A file of suites."""

    suites: Named[Suite] = Field(min_length=1, description="name → suite")


def load_suites(path: Path, overrides: Sequence[str] = ()) -> Mapping[str, SuiteOptions]:
    """The suites of a file, or of a recipe, whose other keys are not read.

    Args:
        overrides: changes, such as ``suites.facts.rows=100``.

    Raises:
        InputError: the file has no suites, or one of them is wrong; one line per problem, with its place.
    """
    values, lines = read_yaml(path)
    if not isinstance(values, dict) or not isinstance(values.get("suites"), dict):
        raise InputError(f"{path}:1: a file of suites is a mapping with `suites`, as in a recipe")
    if "stages" in values:
        values = {"suites": values["suites"]}
    overridden = dict(override(values, text) for text in overrides)
    try:
        return SuiteFile.model_validate(values).suites
    except ValidationError as error:
        written = RecipeSource(path, path.parent, SuiteFile, values, lines, overridden)
        raise InputError("\n".join(explain(error.errors(include_url=False), written))) from error


def suite_of_options(
    data: str, kind: str, metrics: Sequence[str], sets: Sequence[str] = ()
) -> Mapping[str, SuiteOptions]:
    """One suite, named after its data.

    Args:
        metrics: kinds of rewards, for a suite of kind `answers`.
        sets: its other keys, ``key=value``.

    Raises:
        InputError: there is no such kind, or a key is wrong.
    """
    if kind not in SUITE_KINDS:
        raise InputError(f"--kind {kind}: there is no such kind of suite (kinds: {', '.join(SUITE_KINDS)})")
    given: dict[str, Any] = {"kind": kind, "data": data}
    if metrics:
        given["metrics"] = [name for text in metrics for name in text.split(",")]
    return {name_of_data(data): options_from_sets(SUITE_KINDS[kind].options, sets, given)}


def suites_with_arguments(
    suites: Mapping[str, SuiteOptions], sets: Sequence[str], base: Path
) -> Mapping[str, SuiteOptions]:
    """The suites with template arguments from the command line, which override their own.

    A suite of plain texts, which no template renders, stays as it is.

    Args:
        sets: arguments, such as ``enable_thinking=false``.
        base: the folder where the suites' relative paths start.

    Raises:
        InputError: a text is no argument, or every suite is one of plain texts.
    """
    if not sets:
        return suites
    given = options_from_sets(_Arguments, [f"template_arguments.{text}" for text in sets]).template_arguments
    rendered = {name for name, suite in suites.items() if _is_rendered(name, suite, base)}
    if not rendered:
        raise InputError("--template-arguments: no chat template renders the texts of these suites; remove the option")
    return {
        name: suite.model_copy(update={"template_arguments": {**suite.template_arguments, **given}})
        if name in rendered
        else suite
        for name, suite in suites.items()
    }


def _is_rendered(name: str, suite: SuiteOptions, base: Path) -> bool:
    """Whether the rows of a suite are conversations."""
    if suite.holds != "texts":
        return True
    try:
        return any(question.messages for question in suite_kind(suite).read(suite, base))
    except InputError as error:
        raise InputError(f"suites.{name}: {error}") from error


def name_of_data(data: str) -> str:
    """A suite's name from the path of its data."""
    stem = re.split(r"[/\\]", data.rstrip("/\\"))[-1].split(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("-_")[:64].strip("-_")
    return name if NAME.fullmatch(name) and name not in RESERVED else "suite"
