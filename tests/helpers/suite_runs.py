"""Run a suite on given answers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from posttrain.evaluate.answers import Answerer, ModelAnswer
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.estimates import results_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.registry import Suite, suite_kind


def written_suite(folder: Path, rows: Sequence[Mapping[str, Any]], **keys: Any) -> SuiteOptions:
    """A suite whose rows lie in ``rows.jsonl``."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return TypeAdapter(Suite).validate_python({"data": "rows.jsonl", **keys})


def answered(options: SuiteOptions, base: Path, answers: Sequence[str]) -> list[Sample]:
    """The samples of these answers, `options.samples` to each question."""
    n = options.samples
    groups = [[ModelAnswer(text) for text in answers[i : i + n]] for i in range(0, len(answers), n)]
    return run_suite(Answerer("given answers", generate=lambda questions, options, done: groups), options, base)


def figures(options: SuiteOptions, samples: Sequence[Sample]) -> dict[str, float | None]:
    """The value of each measure by its key; the suite is called `s`."""
    results = results_of("s", suite_kind(options).measures(options), samples, slices=options.slices)
    return {key: result.estimate.value for key, result in results.items()}
