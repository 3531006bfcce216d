"""What the page of a run shows: read from the run's folder each time, so it is right while the run is at work."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.files import read_json
from posttrain.pipeline.live_files import (
    ShownProgress,
    at_work,
    console_lines,
    lines_of_this_attempt,
    shown_progress,
)
from posttrain.report.changes import ResultChange, stage_changes
from posttrain.report.curves import Curve, curves_of
from posttrain.report.headline import Headline, headline
from posttrain.report.picked import picked_curves
from posttrain.report.record import RunRecord, StageRecord, read_run
from posttrain.report.run_files import expected, json_lines
from posttrain.report.tables import ChangeRow, ordered_changes

LINES = 200
"""Lines of the console that are looked through for alarms."""

RECENT = 12
"""Lines of the console that the page shows."""

ANSWERS = 4
"""Answers of the last rollout that the page shows."""

ALARMS = ("alarm:", "warning:")
"""How a line begins that a person should read."""


ChangesCache = dict[Path, tuple[tuple[int, ...], Sequence[ResultChange]]]
"""A stage's folder → when the results were written, and what the stage changed."""


@dataclass(frozen=True, slots=True)
class ShownStage:
    """A stage on the page.

    Args:
        step: the last step with metrics; 0 before the first one.
        samples: prompts with the answers ``before`` and ``after`` training; ``after`` is None until then.
        rollout: the first answers of the last rollout, each with ``prompt``, ``completion`` and ``reward``.
    """

    record: StageRecord
    step: int
    curves: Sequence[Curve]
    changes: Sequence[ChangeRow]
    samples: Sequence[Mapping[str, Any]]
    rollout: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run on the page."""

    name: str
    verdict: Headline
    working: bool
    progress: ShownProgress | None
    stages: Sequence[ShownStage]
    alarms: Sequence[str]
    lines: Sequence[str]

    @property
    def current(self) -> ShownStage | None:
        """The stage at work, or the last one that has begun."""
        begun = [stage for stage in self.stages if stage.record.state != "not begun"]
        return next((stage for stage in begun if stage.record.state == "unfinished"), begun[-1] if begun else None)


def shown_run(name: str, folder: Path, cache: ChangesCache) -> ShownRun:
    """Read a run.

    Args:
        cache: what stages changed, which takes long to test.

    Raises:
        InputError: one of its files is broken.
    """
    working = at_work(folder)  # first: a run that ends meanwhile is then shown once more
    run = read_run(folder)
    changes = {stage.name: _changes(run, stage, cache) for stage in run.stages}
    lines = lines_of_this_attempt(console_lines(folder, LINES))
    with expected(folder / "gates.json"):
        verdict = headline(run, changes)
    return ShownRun(
        name,
        verdict,
        working,
        shown_progress(folder) if working else None,
        [_stage(stage, ordered_changes(changes[stage.name])) for stage in run.stages],
        list(dict.fromkeys(_alarms(lines))),
        lines[-RECENT:],
    )


def _changes(run: RunRecord, stage: StageRecord, cache: ChangesCache) -> Sequence[ResultChange]:
    """What a stage changed, tested again only if its results or those before it are new."""
    before = run.results_before(stage)
    stamp = tuple(_written(results.folder) for results in (before, stage.results) if results is not None)
    if stage.folder not in cache or cache[stage.folder][0] != stamp:
        cache[stage.folder] = stamp, stage_changes(run, stage)
    return cache[stage.folder][1]


def _written(results: Path) -> int:
    try:
        return (results / "results.json").stat().st_mtime_ns
    except OSError:
        return 0


def _stage(stage: StageRecord, changes: Sequence[ChangeRow]) -> ShownStage:
    with expected(stage.folder / "metrics.jsonl"):
        step = max((int(line.get("step", 0)) for line in stage.metrics), default=0)
        curves = [*curves_of(stage.metrics), *picked_curves(stage)]
    return ShownStage(stage, step, curves, changes, _samples(stage.folder), _rollout(stage.folder))


def _samples(folder: Path) -> Sequence[Mapping[str, Any]]:
    path = folder / "samples.json"
    try:
        with expected(path):
            return [{name: row[name] for name in ("prompt", "before", "after")} for row in read_json(path)]
    except OSError:  # there is none, or the stage begins again
        return []


def _rollout(folder: Path) -> Sequence[Mapping[str, Any]]:
    tables = sorted((folder / "completions").glob("rollout-*.jsonl"))
    return (json_lines(tables[-1]) or [])[:ANSWERS] if tables else []


def _alarms(lines: Sequence[str]) -> Iterator[str]:
    """The alarms and warnings among lines of a console, without their times."""
    for line in lines:
        _, _, sentence = line.partition("  ")
        if sentence.startswith(ALARMS):
            yield sentence
