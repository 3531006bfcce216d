"""The work of `posttrain eval failures`: failed items become rows for people, for SFT or for GRPO."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.evaluate.behaviour import samples_file, saved_samples
from posttrain.evaluate.failures import FailedItem, demonstration_row, failed_items, prompt_row, ranking_row
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question
from posttrain.evaluate.run_behaviour import behaviours
from posttrain.evaluate.suites.registry import Suite, suite_kind
from posttrain.files import read_json, write_whole

FORMS = {"ranking": ranking_row, "sft": demonstration_row, "prompts": prompt_row}
"""Value of ``--to`` → the row of a failed item."""


def write_failures(name: str, suites: Sequence[str], to: str, out: Path, *, as_json: bool) -> None:
    """Write the failed items of a stage.

    Args:
        name: ``RUN``, ``RUN:STAGE`` or a folder of `posttrain eval`. Without a stage, the last one that measured a
            suite counts.
        suites: their names; all if empty.
        to: a key of `FORMS`.

    Raises:
        InputError: there is no such run, stage or suite, or the file exists.
    """
    if to not in FORMS:
        raise InputError(f"--to {to}: should be {', '.join(FORMS)}")
    if out.suffix != ".jsonl" or out.exists():
        raise InputError(f"--out {out}: should be a new file that ends in .jsonl")
    run, stage = _run_and_stage(name)
    places = behaviours(run)
    if not places:
        raise InputError(f"{run}: has no results of suites (no behaviour/results.json)")
    if stage is not None and stage not in places:
        raise InputError(f"{name}: {run} has no results of a stage {stage} (it has those of {', '.join(places)})")
    screen = Screen(quiet=as_json)
    items: list[FailedItem] = []
    measured: dict[str, str] = {}
    for suite in _suites(places, stage, suites, name):
        samples = {key: saved_samples(place, suite) for key, place in places.items() if _has(place, suite)}
        last = stage or list(samples)[-1]
        measured[suite] = last
        options, questions = _suite_of_run(run, suite, screen)
        measures = None if options is None else suite_kind(options).measures(options)
        items += failed_items(suite, samples, last, measures, questions)
    rows = [row for item in items if (row := FORMS[to](item)) is not None]
    if rows:
        write_whole(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    _show(items, rows, measured, to, out, as_json=as_json)


def _show(
    items: Sequence[FailedItem],
    rows: Sequence[Mapping[str, Any]],
    measured: Mapping[str, str],
    to: str,
    out: Path,
    *,
    as_json: bool,
) -> None:
    counts = {suite: sum(item.suite == suite for item in items) for suite in measured}
    if as_json:
        typer.echo(json.dumps({"out": str(out) if rows else None, "rows": len(rows), "failed": counts}, indent=2))
        return
    for suite, stage in measured.items():
        typer.echo(f"{suite}, {stage}: {counts[suite]:,} failed questions")
    if not rows:
        typer.echo("No row was written")
        return
    if len(rows) < len(items):
        typer.echo(f"{len(items) - len(rows):,} of them have the same answer from all stages: nothing to rank")
    typer.echo(f"{len(rows):,} rows are in {out}")
    if to != "ranking":
        typer.echo(
            "These questions are evaluation data. Once a stage trains on them, measure it on other questions: "
            "`posttrain audit --against` finds them"
        )


def _run_and_stage(name: str) -> tuple[Path, str | None]:
    run, _, stage = name.rpartition(":")
    if Path(name).is_dir():
        return Path(name), None
    if run and Path(run).is_dir():
        return Path(run), stage
    raise InputError(f"{name}: there is no such run; name RUN, RUN:STAGE or a folder of `posttrain eval`")


def _has(place: Path, suite: str) -> bool:
    return (place / samples_file(suite)).is_file()


def _suites(places: Mapping[str, Path], stage: str | None, suites: Sequence[str], name: str) -> list[str]:
    """The names of the suites to read.

    Raises:
        InputError: one of them was not measured.
    """
    searched = [places[stage]] if stage is not None else list(places.values())
    files = [file.name for place in searched for file in sorted(place.glob("samples_*.jsonl"))]
    found = list(dict.fromkeys(file.removeprefix("samples_").removesuffix(".jsonl") for file in files))
    for suite in suites:
        if suite not in found:
            raise InputError(f"--suite {suite}: {name} has no samples of it (suites: {', '.join(found)})")
    return list(suites) or found


def _suite_of_run(run: Path, suite: str, screen: Screen) -> tuple[SuiteOptions | None, list[Question]]:
    """The options and the questions of a suite, as far as the run's records and the data still give them."""
    evaluation, manifest = run / "evaluation.json", run / "manifest.json"
    if evaluation.is_file():
        record = read_json(evaluation)
        written, base = record["suites"], Path(record["base"])
    elif manifest.is_file():
        record = read_json(manifest)
        written, file = record["recipe"].get("suites", {}), record.get("recipe_file")
        base = Path(file).parent if file else Path()
    else:
        return None, []
    try:
        options: SuiteOptions = TypeAdapter(Suite).validate_python(written.get(suite))
    except ValidationError:
        screen.note(f"{suite}: its options are those of another version; an answer with a value of 0 counts as failed")
        return None, []
    try:
        return options, suite_kind(options).read(options, base)
    except InputError as error:
        screen.note(f"{suite}: its data cannot be read any more ({error}); prompts are last messages alone")
        return options, []
