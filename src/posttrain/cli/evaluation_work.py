"""The work of `posttrain eval MODEL`, apart from its options."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from posttrain import __version__
from posttrain.cli.measured_model import ModelToMeasure, model_to_measure, saved_to_measure
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.evaluate.behaviour import RESULTS, measure, read_results, saved_samples
from posttrain.evaluate.estimates import Result
from posttrain.evaluate.harness_results import Measured, write_harness_files
from posttrain.evaluate.junit import junit_of_gates, junit_of_results
from posttrain.evaluate.options import SuiteOptions, SuiteTask
from posttrain.evaluate.run_behaviour import behaviours
from posttrain.evaluate.suites.registry import suite_kind
from posttrain.files import read_json, write_json, write_whole
from posttrain.pipeline.figure_cells import STYLES
from posttrain.pipeline.run_directory import data_hashes
from posttrain.recipe.suite_file import load_suites as load_suites
from posttrain.recipe.suite_file import suite_of_options as suite_of_options
from posttrain.recipe.suite_file import suites_with_arguments as suites_with_arguments

EVALUATION = "evaluation.json"
"""What was measured and how, in the folder of results."""

HARNESS = "lm_eval"
"""The folder of lm-evaluation-harness's files, in the folder of results."""


def measure_and_show(
    suites: Mapping[str, SuiteOptions],
    base: Path,
    model: str | None,
    saved: Path | None,
    *,
    out: Path,
    server: Sequence[str],
    local: Mapping[str, Any],
    seed: int,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Measure, write the folder of results, and show them.

    Args:
        base: the folder where the suites' relative paths start.
        model: its name; None for saved answers.
        server, local: see `model_to_measure`.

    Raises:
        InputError: the folder is in use, or the model, the answers or the questions cannot be read.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out}: is there already; choose another folder, results are not overwritten")
    for name, options in suites.items():
        try:
            suite_kind(options).read(options, base)  # a wrong row is an error before a model is loaded
        except InputError as error:
            raise InputError(f"suites.{name}: {error}") from error
    if saved is not None:
        source = saved_to_measure(saved, suites)
    else:
        tasks: set[SuiteTask] = {options.task for options in suites.values()}
        source = model_to_measure(str(model), server, local, seed, tasks)
    began, clock = datetime.now(), time.monotonic()
    results = measure(source.answerer, suites, base=base, folder=out, screen=Screen(quiet=as_json))
    seconds = time.monotonic() - clock
    _write_evaluation(out, suites, base, source, seed, began, seconds)
    measured = {name: Measured(options, saved_samples(out, name)) for name, options in suites.items()}
    write_harness_files(out / HARNESS, measured, model=source.name, seed=seed, began=began, seconds=seconds)
    if junit is not None:
        write_whole(junit, junit_of_results({source.name: results}))
    if as_json:
        typer.echo(json.dumps({"out": str(out), "results": read_json(out / RESULTS)}, indent=2))
    else:
        show_results(results)
        Console(highlight=False).print(f"The answers are in {out}/samples_*.jsonl", markup=False, soft_wrap=True)


def write_junit(folder: Path, file: Path) -> None:
    """Write JUnit XML of a run, or of a folder of `posttrain eval`: its gates if it has any, else its results.

    Raises:
        InputError: the folder has neither.
    """
    gates = folder / "gates.json"
    if gates.is_file():
        write_whole(file, junit_of_gates(read_json(gates)["gates"]))
        return
    results = {name: read_results(place) for name, place in behaviours(folder).items()}
    if not results:
        raise InputError(f"{folder}: has no gates.json and no results of suites")
    write_whole(file, junit_of_results(results))


def show_results(results: Mapping[str, Result]) -> None:
    """One table: each result with its 95% interval and n."""
    table = Table()
    table.add_column("result", overflow="fold")
    for heading in ("value", "95% interval", "n", "better"):
        table.add_column(heading, justify="right")
    for key, result in results.items():
        estimate = result.estimate
        style, ends = STYLES[estimate.unit], estimate.interval
        value = "–" if estimate.value is None else f"{estimate.value:{style}}"
        between = "" if ends is None else f"{ends[0]:{style}} to {ends[1]:{style}}"
        better = "" if result.better == "neither" else result.better
        counted = estimate.counted.removesuffix("s") if estimate.n == 1 else estimate.counted
        table.add_row(key, value, between, f"{estimate.n:,} {counted}", better)
    Console(markup=False).print(table)


def _write_evaluation(
    out: Path,
    suites: Mapping[str, SuiteOptions],
    base: Path,
    source: ModelToMeasure,
    seed: int,
    began: datetime,
    seconds: float,
) -> None:
    write_json(
        out / EVALUATION,
        {
            "posttrain": __version__,
            "model": {"name": source.name, "place": source.place, "sha256": source.fingerprint},
            "suites": {name: options.model_dump(mode="json") for name, options in suites.items()},
            "base": str(base.resolve()),
            "data": data_hashes([path for options in suites.values() for path in options.paths], base),
            "seed": seed,
            "began": began.isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
        },
    )
