"""Result files of lm-evaluation-harness: ``results_DATE.json``, and ``samples_TASK_DATE.jsonl`` beside it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.errors import InputError
from posttrain.evaluate.estimates import Result
from posttrain.evaluate.imported.types import (
    ImportedEvaluation,
    imported_result,
    optional_text,
    read_foreign_json,
    suite_name,
    text_of_prompt,
)
from posttrain.evaluate.measures import Better
from posttrain.evaluate.sample import Sample

TOOL = "lm-evaluation-harness"

_BETTER: Mapping[Any, Better] = {True: "higher", False: "lower", None: "neither"}


def is_harness_file(document: Any) -> bool:
    """Whether a JSON document is a file of results."""
    return isinstance(document, dict) and {"results", "configs", "n-shot"} <= document.keys()


def read_harness_results(path: Path, document: Mapping[str, Any]) -> ImportedEvaluation:
    """The results of all tasks, and their samples if they were logged.

    Raises:
        InputError: a file is malformed.
    """
    results: dict[str, Result] = {}
    samples: dict[str, list[Sample]] = {}
    for task, metrics in document["results"].items():
        suite = suite_name(task)
        found = _samples(path, task)
        names = {f"{metric},{kind}": _measure(metric, kind) for metric, kind in _metrics(metrics)}
        for key, name in names.items():
            metric, _, kind = key.partition(",")
            direction = document.get("higher_is_better", {}).get(task, {}).get(metric)
            results[suite if len(names) == 1 else f"{suite}/{name}"] = imported_result(
                name,
                metrics[key],
                metrics.get(f"{metric}_stderr,{kind}"),
                _count(document, task),
                _BETTER.get(direction, "neither"),
                found,
                unit_known=direction is True,
            )
        if found:
            samples[suite] = found
    return ImportedEvaluation(
        TOOL,
        _version(document),
        str(document.get("model_name") or "unknown"),
        path.stem.removeprefix("results_"),
        path,
        results,
        samples,
    )


def _version(document: Mapping[str, Any]) -> str | None:
    if "posttrain_version" in document:
        return f"schema, written by posttrain {document['posttrain_version']}"
    version = document.get("lm_eval_version")
    return None if version is None else str(version)


def _metrics(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(metric, filter) of each value."""
    for key, value in metrics.items():
        metric, comma, kind = key.partition(",")
        if comma and not metric.endswith("_stderr") and isinstance(value, int | float):
            yield metric, kind


def _measure(metric: str, kind: str) -> str:
    return metric if kind == "none" else f"{metric}.{kind}"


def _count(document: Mapping[str, Any], task: str) -> int:
    """The number of samples of a task; of a group, the sum of its tasks."""
    counts = document.get("n-samples", {}).get(task)
    if isinstance(counts, dict):
        return int(counts.get("effective", counts.get("original", 0)))
    parts = document.get("group_subtasks", {}).get(task, [])
    return sum(_count(document, part) for part in parts if part != task)


def _samples(path: Path, task: str) -> list[Sample]:
    """The samples of a task; a document has a row for each filter, whose values become one sample."""
    file = path.with_name(f"samples_{task}_{path.stem.removeprefix('results_')}.jsonl")
    if not file.is_file():
        return []
    documents: dict[str, tuple[dict[str, Any], dict[str, float | None]]] = {}
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            row = read_foreign_json(file, line)
            if not isinstance(row, dict) or "doc_id" not in row:
                raise InputError(f"{file}:{number}: is no sample of {TOOL} (no `doc_id`)")
            _, values = documents.setdefault(str(row["doc_id"]), (row, {}))
            kind = row.get("filter", "none")
            for metric in row.get("metrics", ()):
                value = row.get(metric)
                values[_measure(metric, kind)] = float(value) if isinstance(value, int | float) else None
    return [_sample(row, values) for row, values in documents.values()]


def _sample(row: Mapping[str, Any], values: Mapping[str, float | None]) -> Sample:
    document = row["doc"] if isinstance(row.get("doc"), dict) else {}
    metadata = document.get("metadata")
    prompt, question = _argument(row, 0, 0), document.get("input", document.get("prompt"))
    return Sample(
        id=str(document.get("id", row["doc_id"])),
        repeat=0,
        slice=optional_text(metadata, "slice"),
        group=optional_text(metadata, "group_id"),
        question=text_of_prompt(question) or text_of_prompt(prompt),
        target=row.get("target"),
        answer=_answer(row),
        values=values,
        expected=optional_text(metadata, "expected_behavior"),
    )


def _answer(row: Mapping[str, Any]) -> str:
    """The text that the model wrote; of a multiple choice, the choice with the highest log-prob."""
    responses: Sequence[Any] = row.get("resps") or [""]
    first: Any = responses[0]
    while isinstance(first, list) and first and isinstance(first[0], list | str) and not _is_logprob(first):
        first = first[0]
    if isinstance(first, str):
        return first
    choices = [one[0] if isinstance(one, list) and one and isinstance(one[0], list) else one for one in responses]
    scores = [float(choice[0]) for choice in choices if _is_logprob(choice)]
    if not scores:
        return ""
    return str(_argument(row, scores.index(max(scores)), 1) or "").strip()


def _is_logprob(value: Any) -> bool:
    """Whether a response is ``[log-prob, is_greedy]``, both of which the files hold as texts."""
    return isinstance(value, list) and len(value) == 2 and str(value[1]) in ("True", "False")


def _argument(row: Mapping[str, Any], request: int, number: int) -> Any:
    """An argument of a request: ``gen_args_N`` → ``arg_N``, or lists in older files."""
    arguments = row.get("arguments")
    if isinstance(arguments, dict):
        return arguments.get(f"gen_args_{request}", {}).get(f"arg_{number}")
    if isinstance(arguments, list) and request < len(arguments) and number < len(arguments[request]):
        return arguments[request][number]
    return None
