"""The results of one model on the suites, from ``behaviour/results.json`` and ``behaviour/samples_SUITE.jsonl``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from posttrain.evaluate.measures import Better
from posttrain.evaluate.sample import Sample, sample_of_json
from posttrain.report.run_files import expected, json_lines, json_object
from posttrain.statistics.estimate import Estimate

_KEY = re.compile(r"(?P<suite>[^/\[]+)(/(?P<measure>[^\[]+))?(\[(?P<part>.*)\])?", re.DOTALL)


class ResultKey(NamedTuple):
    """What a result is about.

    Args:
        suite: the name of the suite.
        measure: None if the suite has one measure.
        part: the slice; None for all questions.
    """

    suite: str
    measure: str | None
    part: str | None

    @property
    def label(self) -> str:
        """The key as a heading."""
        name = self.suite if self.measure is None else f"{self.suite}: {self.measure}"
        return name if self.part is None else f"{name}, {self.part}"


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One result of a model.

    Args:
        better: the direction of improvement; None in old runs, which did not record it.
    """

    key: ResultKey
    estimate: Estimate
    better: Better | None


@dataclass(frozen=True, slots=True)
class ModelResults:
    """The results of one model, and the folder that holds its saved answers."""

    folder: Path
    lines: Mapping[ResultKey, ResultLine]

    def samples_of(self, suite: str) -> list[Sample]:
        """The saved answers to a suite; empty if none are there.

        Raises:
            InputError: the file is broken.
        """
        path = self.folder / f"samples_{suite}.jsonl"
        with expected(path):
            return [sample_of_json(row) for row in json_lines(path) or ()]


def read_model_results(folder: Path) -> ModelResults | None:
    """The results in a folder ``behaviour``; None if there are none.

    Raises:
        InputError: ``results.json`` is broken.
    """
    path = folder / "results.json"
    stored = json_object(path)
    if stored is None:
        return None
    with expected(path):
        lines = [_line(key, value) for key, value in stored.items()]
    return ModelResults(folder, {line.key: line for line in lines})


def result_key_of(text: str) -> ResultKey:
    """A key of ``results.json``: ``suite`` or ``suite/measure``, and ``[slice]`` behind it.

    Raises:
        ValueError: the text is no such key.
    """
    match = _KEY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no name of a result")
    return ResultKey(match["suite"], match["measure"], match["part"])


def _line(text: str, value: Mapping[str, Any]) -> ResultLine:
    key = result_key_of(text)
    if "better" not in value:  # an old run: suite/slice
        key = ResultKey(key.suite, None, key.measure)
    ends = value["interval"]
    interval = None if ends is None else (float(ends[0]), float(ends[1]))
    number = None if value["value"] is None else float(value["value"])
    estimate = Estimate(number, int(value["n"]), interval, value.get("unit", "share"), value.get("counted", "answers"))
    return ResultLine(key, estimate, value.get("better"))
