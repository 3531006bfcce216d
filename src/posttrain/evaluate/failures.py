"""The failed items of a model: the questions that it answered wrongly, with the answers of all stages to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.data.sets.prompts import prompt_column
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.questions import Question
from posttrain.evaluate.sample import Sample
from posttrain.files import hash_of


@dataclass(frozen=True, slots=True)
class FailedItem:
    """A question that a model answered wrongly, once at least.

    Args:
        suite: of the question.
        wrong: its first wrong answer.
        measures: the names of the measures that count it as wrong.
        answers: stage → its answers to the question.
        question: the row of the suite; None if the suite's data cannot be read any more.
    """

    suite: str
    wrong: Sample
    measures: Sequence[str]
    answers: Mapping[str, Sequence[Sample]]
    question: Question | None


def wrong_measures(measures: Sequence[SuiteMeasure], sample: Sample) -> list[str]:
    """The measures by which an answer is wrong: the worst value of a share, 0 or 1. Figures between are no verdict.

    Where no measure gives a value to single answers, a label is wrong if it is not the target.
    """
    values = {
        measure.name: (measure.value(sample), 0.0 if measure.better == "higher" else 1.0)
        for measure in measures
        if measure.value is not None and measure.unit == "share" and measure.better != "neither"
    }
    if any(value is not None for value, _ in values.values()):
        return [name for name, (value, worst) in values.items() if value == worst]
    wrong = sample.label is not None and isinstance(sample.target, str) and sample.label != sample.target
    return ["label"] if wrong else []


def failed_items(
    suite: str,
    stages: Mapping[str, Sequence[Sample]],
    stage: str,
    measures: Sequence[SuiteMeasure] | None,
    questions: Sequence[Question],
) -> list[FailedItem]:
    """The failed items of a stage, in the order of the suite.

    Args:
        stages: stage → its samples of the suite.
        measures: of the suite; None where they are not known: every value is then a measure of which more is better.
        questions: of the suite, if they can be read.
    """
    known = {question.id: question for question in questions}
    answers: dict[str, dict[str, list[Sample]]] = {}
    for name, samples in stages.items():
        for sample in samples:
            answers.setdefault(sample.id, {}).setdefault(name, []).append(sample)
    items: dict[str, FailedItem] = {}
    for sample in stages[stage]:
        own = [mean_of(name) for name in sample.values] if measures is None else measures
        wrong = wrong_measures(own, sample)
        if wrong and sample.id not in items:
            question = known.get(sample.id)
            same = question is not None and question.text == sample.question
            items[sample.id] = FailedItem(suite, sample, wrong, answers[sample.id], question if same else None)
    return list(items.values())


def ranking_row(item: FailedItem) -> dict[str, Any] | None:
    """An item for people to rank: the different answers of all stages. None if there is one answer only.

    The order of the candidates depends on their texts, not on their stages.
    """
    authors: dict[str, list[str]] = {}
    for stage, samples in item.answers.items():
        for sample in samples:
            authors.setdefault(sample.answer, []).append(stage)
    texts = sorted(authors, key=lambda text: hash_of([item.wrong.id, text]))[:26]
    if len(texts) < 2:
        return None
    candidates = [
        {"id": f"c{number}", "text": text, "model": "+".join(dict.fromkeys(authors[text]))}
        for number, text in enumerate(texts, start=1)
    ]
    return {"id": f"{item.suite}/{item.wrong.id}", **_prompt_columns(item), "candidates": candidates, **_notes(item)}


def demonstration_row(item: FailedItem) -> dict[str, Any]:
    """An SFT row to be written: its completion is empty, and the wrong answer is a note."""
    return {**_prompt_columns(item), "completion": "", "meta_wrong_answer": item.wrong.answer, **_notes(item)}


def prompt_row(item: FailedItem) -> dict[str, Any]:
    """A prompt for GRPO: the row of the suite with its target and all columns that rewards read."""
    row = {} if item.question is None else dict(item.question.row)
    parts = {"slice": item.wrong.slice, "group_id": item.wrong.group, "expected_behavior": item.wrong.expected}
    metadata = {**{key: value for key, value in parts.items() if value is not None}, **(row.get("metadata") or {})}
    known = ("id", "input", "prompt", "target", "metadata", ROW_ARGUMENTS)
    others = {key: value for key, value in row.items() if key not in known}
    own = {"id": f"{item.suite}/{item.wrong.id}", **_prompt_columns(item), "target": item.wrong.target}
    return {**own, **others, "metadata": metadata, **_notes(item)}


def _prompt_columns(item: FailedItem) -> dict[str, Any]:
    """The whole conversation and its template arguments if they are known, else its last message."""
    if item.question is None or not item.question.messages:
        return {"prompt": item.wrong.question}
    arguments = dict(item.question.template_arguments)
    return {"prompt": prompt_column(tuple(item.question.messages)), **({ROW_ARGUMENTS: arguments} if arguments else {})}


def _notes(item: FailedItem) -> dict[str, Any]:
    notes = {"meta_suite": item.suite, "meta_id": item.wrong.id, "meta_failed": list(item.measures)}
    extra = {"meta_slice": item.wrong.slice, "meta_target": item.wrong.target}
    return notes | {key: value for key, value in extra.items() if value is not None}
