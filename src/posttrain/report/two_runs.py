"""Two runs side by side: their last models on shared suites, their stages' figures, and different settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posttrain.report.changes import ResultChange, changes_between, with_corrected_p
from posttrain.report.record import RunRecord
from posttrain.report.results import ModelResults
from posttrain.report.tables import ChangeRow, figure_cells_of, ordered_changes
from posttrain.report.wording import counted

SETTINGS = 60
"""The most different settings on the page."""


@dataclass(frozen=True, slots=True)
class TwoRuns:
    """This run against another one.

    Args:
        sentence: the verdict.
        suites: (suite, last stage of the other run, last stage of this one).
        rows: shared results; before is the other run, after is this one.
        figures: (stage, metric, the other run, this one) of stages of the same name.
        settings: (key of the recipe, the other run, this one) where they differ.
    """

    other: str
    sentence: str
    suites: tuple[tuple[str, str, str], ...]
    rows: tuple[ChangeRow, ...]
    figures: tuple[tuple[str, str, str, str], ...]
    settings: tuple[tuple[str, str, str], ...]
    more_settings: int


def two_runs(run: RunRecord, other: RunRecord) -> TwoRuns:
    """Compare the last models of both runs that answered each suite, by the questions that both answered."""
    mine, theirs = _last(run), _last(other)
    shared = [suite for suite in mine if suite in theirs]
    recipes = {**other.recipe.get("suites", {}), **run.recipe.get("suites", {})}
    changes: list[ResultChange] = []
    for suite in shared:
        changes += changes_between(
            _only(theirs[suite][1], suite), _only(mine[suite][1], suite), recipes, shared_only=True
        )
    changes = with_corrected_p(changes)
    settings = list(_different(other.recipe, run.recipe))
    suites = tuple((suite, theirs[suite][0], mine[suite][0]) for suite in shared)
    rows, figures = tuple(ordered_changes(changes)), tuple(_figures(run, other))
    more = max(0, len(settings) - SETTINGS)
    name = other.name if other.name != run.name else str(other.folder)
    return TwoRuns(name, _sentence(changes), suites, rows, figures, tuple(settings[:SETTINGS]), more)


def _last(run: RunRecord) -> dict[str, tuple[str, ModelResults]]:
    """Suite → the last stage that was measured on it, and its results."""
    found = [(stage.name, stage.results) for stage in run.stages if stage.results is not None]
    return {key.suite: (name, results) for name, results in found for key in results.lines}


def _only(results: ModelResults, suite: str) -> ModelResults:
    return ModelResults(results.folder, {key: line for key, line in results.lines.items() if key.suite == suite})


def _sentence(changes: list[ResultChange]) -> str:
    if not changes:
        return "The two runs share no suite, so their models cannot be compared."
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.sign] = counts.get(change.sign, 0) + 1
    words = {
        "better": "better",
        "worse": "worse",
        "rose": "higher",
        "fell": "lower",
        "undecided": "undecided",
        "not tested": "not tested",
    }
    parts = [f"{counts[sign]} {word}" for sign, word in words.items() if sign in counts]
    return f"On {counted(len(changes), 'shared result')}, this run is: {', '.join(parts)}."


def _figures(run: RunRecord, other: RunRecord) -> Iterator[tuple[str, str, str, str]]:
    theirs = {stage.name: {name: after for name, _, after, *_ in figure_cells_of(stage)} for stage in other.stages}
    for stage in run.stages:
        for name, _, after, *_ in figure_cells_of(stage):
            if name in theirs.get(stage.name, {}):
                yield stage.name, name, theirs[stage.name][name], after


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    old, new = dict(_flat(before)), dict(_flat(after))
    for key in dict.fromkeys([*old, *new]):
        if old.get(key, "not set") != new.get(key, "not set"):
            yield key, old.get(key, "not set"), new.get(key, "not set")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
