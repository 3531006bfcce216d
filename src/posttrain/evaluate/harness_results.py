"""Results in the files of lm-evaluation-harness: ``results_DATE.json`` and ``samples_TASK_DATE.jsonl``.

Each suite is a task, each measure a metric under the filter ``none``. The schema is that of its version 0.4
(`lm_eval/result_schema.py` there). Slices are not part of it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from posttrain import __version__
from posttrain.evaluate.estimates import estimate_of
from posttrain.evaluate.measures import SuiteMeasure
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.registry import suite_kind
from posttrain.files import write_json, write_whole
from posttrain.statistics.clusters import cluster_codes, cluster_sums

_BETTER = {"higher": True, "lower": False, "neither": None}


@dataclass(frozen=True, slots=True)
class Measured:
    """A suite with its samples."""

    options: SuiteOptions
    samples: Sequence[Sample]

    @property
    def measures(self) -> Sequence[SuiteMeasure]:
        """What the suite reports."""
        return suite_kind(self.options).measures(self.options)


def write_harness_files(
    folder: Path, suites: Mapping[str, Measured], *, model: str, seed: int, began: datetime, seconds: float
) -> Path:
    """Write the files into a folder of `folder` that is named after the model, as lm-evaluation-harness does.

    Args:
        model: its name.
        began: the start of the evaluation.
        seconds: its duration.

    Returns:
        the path of the results.
    """
    date = began.isoformat().replace(":", "-")
    place = folder / harness_model_name(model)
    tasks = {name: [*_documents(suite)] for name, suite in suites.items()}
    for name, rows in tasks.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_whole(place / f"samples_{name}_{date}.jsonl", text)
    hashes = {
        name: _sha256("".join(row["doc_hash"] + row["prompt_hash"] + row["target_hash"] for row in rows))
        for name, rows in tasks.items()
    }
    results = {
        **{key: {name: part(name, suite) for name, suite in suites.items()} for key, part in _PARTS.items()},
        "group_subtasks": {name: [] for name in suites},
        "config": {"model": "posttrain", "model_args": {"pretrained": model}, "limit": None, "random_seed": seed},
        "date": began.timestamp(),
        "posttrain_version": __version__,
        "model_source": "posttrain",
        "model_name": model,
        "model_name_sanitized": harness_model_name(model),
        "task_hashes": hashes,
        "total_evaluation_time_seconds": str(seconds),
    }
    write_json(place / f"results_{date}.json", results)
    return place / f"results_{date}.json"


def harness_model_name(model: str) -> str:
    """The name of a model's folder of results."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", model)


def _results(name: str, suite: Measured) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for measure in suite.measures:
        value = estimate_of(measure, suite.samples).value
        if value is not None:
            metrics[f"{measure.name},none"] = value
            metrics[f"{measure.name}_stderr,none"] = _standard_error(measure, suite.samples)
    return {"name": name, "alias": name, "sample_len": len(_by_question(suite.samples)), **metrics}


def _config(name: str, suite: Measured) -> dict[str, Any]:
    options = suite.options
    return {
        "task": name,
        "dataset_path": ", ".join(options.paths),
        "output_type": "generate_until",
        "doc_to_text": "input",
        "doc_to_target": "target",
        "num_fewshot": 0,
        "repeats": options.samples,
        "generation_kwargs": _generation(options),
        "metric_list": [
            {
                "metric": name,
                "aggregation": "mean" if measure.value else name,
                "higher_is_better": _BETTER[measure.better],
            }
            for measure, name in ((measure, measure.name) for measure in suite.measures)
        ],
        "metadata": {"version": __version__, "kind": options.kind},
    }


def _generation(options: SuiteOptions) -> dict[str, Any]:
    return {
        "max_gen_toks": options.max_new_tokens,
        "temperature": options.temperature,
        "do_sample": options.temperature > 0,
    }


def _directions(name: str, suite: Measured) -> dict[str, bool | None]:
    return {measure.name: _BETTER[measure.better] for measure in suite.measures}


def _counts(name: str, suite: Measured) -> dict[str, int]:
    questions = len(_by_question(suite.samples))
    return {"original": questions, "effective": questions}


_PARTS: Mapping[str, Callable[[str, Measured], Any]] = {
    "results": _results,
    "configs": _config,
    "versions": lambda name, suite: __version__,
    "n-shot": lambda name, suite: 0,
    "higher_is_better": _directions,
    "n-samples": _counts,
}
"""The parts of the results that have an entry for each task."""


def _standard_error(measure: SuiteMeasure, samples: Sequence[Sample]) -> float | str:
    """The standard error of a mean, robust to clusters; "N/A" where there is none, as lm-evaluation-harness writes it.

    Without clusters it is that of lm-evaluation-harness: the standard deviation (ddof 1) over the root of n.
    """
    if measure.value is None:
        return "N/A"
    pairs = [(value, sample.cluster) for sample in samples if (value := measure.value(sample)) is not None]
    values = np.array([value for value, _ in pairs], dtype=np.float64)
    codes = cluster_codes([cluster for _, cluster in pairs], len(pairs))
    sums = cluster_sums(values - values.mean(), codes)
    groups = len(sums)
    if groups < 2:
        return "N/A"
    return float(np.sqrt((sums**2).sum() * groups / (groups - 1)) / len(values))


def _by_question(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.id, []).append(sample)
    return groups


def _documents(suite: Measured) -> list[dict[str, Any]]:
    """A row for each question. A metric's value is the mean over its answers; one that does not apply is absent."""
    rows: list[dict[str, Any]] = []
    for number, answers in enumerate(_by_question(suite.samples).values()):
        first, texts = answers[0], [sample.answer for sample in answers]
        metadata = {"slice": first.slice, "group_id": first.group, "expected_behavior": first.expected}
        document = {"id": first.id, "input": first.question, "target": first.target, "metadata": metadata}
        metrics = _metrics(suite.measures, answers)
        rows.append(
            {
                "doc_id": number,
                "doc": document,
                "target": str(first.target),
                "arguments": {"gen_args_0": {"arg_0": first.question, "arg_1": _generation(suite.options)}},
                "resps": [texts],
                "filtered_resps": texts,
                "filter": "none",
                "metrics": list(metrics),
                "doc_hash": _sha256(json.dumps(document, indent=2, ensure_ascii=False)),
                "prompt_hash": _sha256(first.question),
                "target_hash": _sha256(str(first.target)),
                **metrics,
            }
        )
    return rows


def _metrics(measures: Sequence[SuiteMeasure], answers: Sequence[Sample]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for measure in measures:
        if measure.value is not None:
            values = [value for sample in answers if (value := measure.value(sample)) is not None]
            metrics |= {measure.name: sum(values) / len(values)} if values else {}
    return metrics


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
