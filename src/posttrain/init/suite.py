"""The suite of a first recipe, and the rows that it reads."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posttrain.advise.answer_values import labels_of
from posttrain.advise.checkable import Check, check_of, is_label_column
from posttrain.advise.suite import PREFERENCES, SuiteDraft, checked_suite, expects_refusal, perplexity_suite, text_suite
from posttrain.data.example import Example
from posttrain.data.skipped import Skips
from posttrain.errors import InputError
from posttrain.evaluate.questions import Question
from posttrain.evaluate.suites.answers import AnswersSuite, metric_trial
from posttrain.init.source import InitSource, WrittenRow, question_row

_ANSWER = "completion"
"""The column of the right answer in a row of questions."""

_WITHOUT_TEST = "leave out --to for a recipe whose rewards you complete yourself"


@dataclass(frozen=True, slots=True)
class InitSuite:
    """The suite of a first recipe.

    Args:
        draft: its name and keys.
        row: the suite's row of an example; None if the suite cannot read it.
        reward: the reward that reads the answers, for a stage that trains on it.
    """

    draft: SuiteDraft
    row: Callable[[Example], WrittenRow | None]
    reward: Mapping[str, Any] | None = None


def preference_suite(source: InitSource) -> InitSuite:
    """The suite for a reward model; its rows are those of the file."""
    return InitSuite(PREFERENCES, source.training_row)


def plain_text_suite(positions: int | None) -> InitSuite:
    """The suite for plain texts."""
    return InitSuite(perplexity_suite(positions), lambda example: {"text": example.completions[0][0]["content"]})


def answer_suite(source: InitSource, first: Sequence[Example]) -> InitSuite:
    """The suite for questions with answers; its metric follows from the answers.

    Args:
        first: the first examples of the file.

    Raises:
        InputError: the rows are prompts alone, and no column surely holds an answer that a reward can read.
    """
    answers = None if source.kind == "prompt" else source.columns.get(_ANSWER, _ANSWER)
    rows = list(_reference_rows(source, first, answers))
    tried = rows if source.target is None else [{source.target: row.get(source.target)} for row in rows]
    check = _with_all_labels(check_of(tried, source.target or answers or _ANSWER), source, answers)
    unsure = source.kind == "prompt" and source.target is None and _ANSWER not in rows[0]
    if unsure and check is not None and is_label_column(target := str(check.spec.get("target", ""))):
        raise InputError(
            f"{source.path}: `{target}` holds labels, which may be the right answers or only describe the prompts. If "
            f"they are the answers, add --columns {shlex.quote(f'target={target}')}; else {_WITHOUT_TEST}"
        )
    if check is not None and check.fits:
        draft = checked_suite(check, answers)
        return InitSuite(draft, _checked_row(source, check, draft), check.spec)
    if answers is None:
        raise InputError(
            f"{source.path}: {f'`{source.target}` does not hold' if source.target else 'no column holds'} answers that "
            f"a reward can read, so no test can be made of these prompts; {_WITHOUT_TEST}"
        )
    draft = text_suite([row[answers] for row in rows])
    if draft.keys.get("kind") != "refusal":
        return InitSuite(draft, question_row)
    return InitSuite(draft, _refusal_row)


def _reference_rows(source: InitSource, examples: Iterable[Example], answers: str | None) -> Iterator[WrittenRow]:
    """Each question with the columns that may hold its right answer.

    Args:
        answers: the file's own name for the column of the completion, since that may say that it holds labels.
    """
    for example in examples:
        if (row := question_row(example)) is not None:
            own = {} if answers is None else {answers: row.pop(_ANSWER)}
            yield {**source.other_columns(example), **row, **own}


def _with_all_labels(check: Check | None, source: InitSource, answers: str | None) -> Check | None:
    """The check with the labels of all rows, since a label may occur only in late rows; None if they are no labels."""
    if check is None or "labels" not in check.spec:
        return check
    column = check.spec["target"]
    rows = _reference_rows(source, source.examples(Skips()), answers)
    labels = labels_of("" if row.get(column) is None else row[column] for row in rows)
    return None if labels is None else replace(check, spec={**check.spec, "labels": list(labels)})


def _checked_row(source: InitSource, check: Check, draft: SuiteDraft) -> Callable[[Example], WrittenRow | None]:
    """The row of an example with the columns that the metric reads; None if the metric cannot read them."""
    metrics = AnswersSuite.model_validate({"kind": "answers", "data": "-", **draft.keys}).metrics
    trial = metric_trial(metrics, Path())

    def row_of(example: Example) -> WrittenRow | None:
        question = question_row(example)
        if question is None:
            return None
        others = source.other_columns(example)
        row = question | {
            name: others[name] for name in check.spec.values() if isinstance(name, str) and name in others
        }
        try:
            trial(Question("", example.where, (), {"target": row.get(_ANSWER), **row}))
        except InputError:
            return None
        return row

    return row_of


def _refusal_row(example: Example) -> WrittenRow | None:
    row = question_row(example)
    if row is None:
        return None
    expected = "refuse" if expects_refusal(row[_ANSWER]) else "answer"
    return {**row, "metadata": {**row.get("metadata", {}), "expected_behavior": expected}}
