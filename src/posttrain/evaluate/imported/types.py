"""The results of one evaluation by another tool, and what its readers share."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError
from posttrain.evaluate.estimates import Result, estimate_of
from posttrain.evaluate.measures import Better, mean_of
from posttrain.evaluate.sample import Sample
from posttrain.statistics.estimate import Estimate

Z = 1.959963984540054
"""The 97.5% quantile of the normal distribution."""

SAME = 1e-6
"""Relative difference up to which a mean of samples is the value that the tool reports."""


@dataclass(frozen=True, slots=True)
class ImportedEvaluation:
    """An evaluation.

    Args:
        tool: its name.
        version: of the tool; None if the file does not give it.
        model: as the tool names it.
        date: as the file gives it.
        file: the file that was read.
        results: by key, as `measure` writes them.
        samples: suite → its samples; a suite without samples is absent.
    """

    tool: str
    version: str | None
    model: str
    date: str
    file: Path
    results: Mapping[str, Result]
    samples: Mapping[str, Sequence[Sample]]


def read_foreign_json(path: Path, text: str | bytes | None = None) -> Any:
    """A JSON document of another tool, which may hold NaN.

    Args:
        text: its content, where it is a part of the file.

    Raises:
        InputError: it is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8") if text is None else text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error}); is the file whole?") from error


def suite_name(task: Any) -> str:
    """A task's name as the name of a suite, which becomes part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", str(task)).strip("._-") or "task"


def imported_result(
    name: str, value: Any, error: Any, n: int, better: Better, samples: Sequence[Sample], unit_known: bool
) -> Result:
    """A reported value. Its interval is that of our samples if their mean is this value, else value ± 1.96 errors.

    Args:
        name: of the value in the samples.
        error: the standard error that the tool reports, if it does.
        n: the number of samples that it reports.
        unit_known: whether a value from 0 to 1 is known to be a share where there are no samples.
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        return Result(Estimate(None, n, unit="value", counted="answers"), better)
    values = [given for sample in samples if (given := sample.values.get(name)) is not None]
    inside = all(0 <= given <= 1 for given in values) if values else unit_known and 0 <= value <= 1
    unit = "share" if inside else "value"
    if values and math.isclose(sum(values) / len(values), value, rel_tol=SAME, abs_tol=SAME):
        return Result(estimate_of(mean_of(name, better=better, unit=unit), samples), better)
    ends = None
    if isinstance(error, int | float) and math.isfinite(error):
        low, high = float(value - Z * error), float(value + Z * error)
        ends = (max(0.0, low), min(1.0, high)) if inside else (low, high)
    return Result(Estimate(float(value), n, ends, unit, "answers"), better)


def text_of_prompt(value: Any) -> str:
    """A question as text: of a conversation, its last message."""
    last: Any = value[-1] if isinstance(value, list) and value else value
    content = last.get("content") if isinstance(last, dict) else last
    if isinstance(content, list):  # parts of a message
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def optional_text(values: Any, key: str) -> str | None:
    """A text among metadata."""
    value = values.get(key) if isinstance(values, dict) else None
    return None if value is None or isinstance(value, dict | list) else str(value)
