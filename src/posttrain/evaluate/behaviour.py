"""A model's results on suites. A stage measures them once and keeps every answer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.estimates import Result, results_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.sample import Sample, read_samples, write_samples
from posttrain.evaluate.suites.registry import suite_kind
from posttrain.files import read_json, whole_folder, write_json
from posttrain.statistics.estimate import Estimate

RESULTS = "results.json"
"""The results in a folder of `measure`."""


def measure(
    answerer: Answerer | Mapping[str, Answerer],
    suites: Mapping[str, SuiteOptions],
    *,
    base: Path,
    folder: Path,
    screen: Screen,
) -> dict[str, Result]:
    """Run the suites, or read the results of an earlier run.

    Args:
        answerer: of all suites, or one for each.
        base: the folder where relative data paths start.
        folder: the folder that receives ``results.json`` and ``samples_{suite}.jsonl``.

    Returns:
        the results by key: ``suite`` or ``suite/measure``, and the same with ``[slice]`` behind it.
    """
    if not (folder / RESULTS).is_file():
        with whole_folder(folder) as target:
            results: dict[str, Result] = {}
            sources = {name: answerer if isinstance(answerer, Answerer) else answerer[name] for name in suites}
            _check(suites, sources)
            for name, options in suites.items():
                try:
                    samples = _samples(name, options, sources[name], base, screen)
                except InputError as error:
                    raise InputError(f"suites.{name}: {error}") from error
                write_samples(target / samples_file(name), samples)
                results |= results_of(name, suite_kind(options).measures(options), samples, slices=options.slices)
            write_results(target, results)
    return read_results(folder)


def _check(suites: Mapping[str, SuiteOptions], sources: Mapping[str, Answerer]) -> None:
    """Refuse options that an answerer cannot apply, before the first answer."""
    for name, options in suites.items():
        try:
            sources[name].check(options)
        except InputError as error:
            raise InputError(f"suites.{name}: {error}") from error


def _samples(name: str, options: SuiteOptions, answerer: Answerer, base: Path, screen: Screen) -> list[Sample]:
    """Answers to every question of a suite, with progress on the screen."""
    kind = suite_kind(options)
    questions = kind.read(options, base)
    with screen.bar(name, len(questions) * options.samples) as advance:
        return kind.run(options, questions, answerer, base, lambda n: advance(n, "answers"))


def run_suite(
    answerer: Answerer, options: SuiteOptions, base: Path, on_done: Callable[[int], None] = lambda n: None
) -> list[Sample]:
    """Answers to every question of a suite, measured."""
    kind = suite_kind(options)
    answerer.check(options)
    return kind.run(options, kind.read(options, base), answerer, base, on_done)


def write_results(folder: Path, results: Mapping[str, Result]) -> None:
    """Write results as `read_results` reads them."""
    write_json(folder / RESULTS, {key: _as_json(result) for key, result in results.items()})


def read_results(folder: Path) -> dict[str, Result]:
    """The results that `measure` wrote."""
    return {key: _read(value) for key, value in read_json(folder / RESULTS).items()}


def saved_samples(folder: Path, suite: str) -> list[Sample]:
    """The samples that `measure` wrote."""
    return list(read_samples(folder / samples_file(suite)))


def samples_file(suite: str) -> str:
    """The name of the file with a suite's samples."""
    return f"samples_{suite}.jsonl"


def _as_json(result: Result) -> dict[str, Any]:
    estimate = result.estimate
    return {**estimate.as_json(), "unit": estimate.unit, "counted": estimate.counted, "better": result.better}


def _read(value: Mapping[str, Any]) -> Result:
    ends = value["interval"]
    interval = None if ends is None else (ends[0], ends[1])
    return Result(
        Estimate(value["value"], value["n"], interval, value.get("unit", "share"), value.get("counted", "answers")),
        value.get("better", "higher"),
    )
