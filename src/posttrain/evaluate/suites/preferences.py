"""The suite `preferences`: whether a reward model ranks completions as people did."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from posttrain.data.example import Example, Message
from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, OnDone, pair_rewards_of
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.options import SuiteOptions, SuiteRows, SuiteTask
from posttrain.evaluate.questions import Question, questions_of
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.types import SuiteKind


class PreferencesSuite(SuiteOptions):
    """Pairs or rankings, read as the stage `reward` reads them. It is measured after stages of that kind alone."""

    task: ClassVar[SuiteTask] = "score"
    holds: ClassVar[SuiteRows] = "preferences"

    kind: Literal["preferences"]
    length_margin: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="a pair is length-matched if its lengths in characters differ by at most this share of the longer",
    )


def read_preferences_suite(options: PreferencesSuite, base: Path) -> list[Question]:
    """The rankings. Rows that the stage `reward` leaves out, such as ties alone, are left out here too.

    Raises:
        InputError: a row is no pair and no ranking, an id is there twice, or no row is left.
    """
    examples = islice(_examples(options, base), options.rows)
    questions = [
        replace(question, messages=question.row["prompt"])
        for question in questions_of(
            map(_row, examples), lambda question: None, options.template_arguments, conversation=False
        )
    ]
    if not questions:
        raise InputError(f"{', '.join(options.paths)}: no pair is left to compare; each row is a tie or repeats itself")
    return questions


def run_preferences_suite(
    options: PreferencesSuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """One sample for each pair of completions that a ranking orders.

    Raises:
        InputError: the answerer is no reward model.
    """
    ranked = zip(questions, pair_rewards_of(answerer, questions, done), strict=True)
    return [sample for question, scores in ranked for sample in _pair_samples(question, scores)]


def preferences_measures(options: PreferencesSuite) -> Sequence[SuiteMeasure]:
    """Accuracy over all pairs and over length-matched ones, and how often the longer completion is the better one."""

    def matched(sample: Sample) -> float | None:
        gap = sample.values["length_gap"]
        return sample.values["accuracy"] if gap is not None and gap <= options.length_margin else None

    return (
        mean_of("accuracy"),
        SuiteMeasure("accuracy_length_matched", "higher", value=matched),
        mean_of("longer_wins", better="neither"),
    )


def _examples(options: PreferencesSuite, base: Path) -> Iterator[Example]:
    for source in options.data:
        rows = islice(read_rows(source.path, base=base), source.rows)
        yield from read_examples(rows, "preference", source.columns)


def _row(example: Example) -> Row:
    """A ranking as a suite's row. Rankings of one item by several people are one group."""
    row: dict[str, Any] = dict(example.row)
    if row.get("id") is not None and row.get("annotator") is not None:
        metadata = row.get("metadata")
        if metadata is None or isinstance(metadata, dict):
            row["metadata"] = {"group_id": str(row["id"]), **(metadata or {})}
        row["id"] = f"{row['id']} by {row['annotator']}"
    row |= {"prompt": example.prompt, "completions": example.completions, "tools": example.tools}
    row[ROW_ARGUMENTS] = example.template_arguments
    return Row(example.where, {**row, "rank": example.columns["rank"]})


def _pair_samples(question: Question, scores: Sequence[float]) -> Iterator[Sample]:
    ranks, texts = question.row["rank"], [_text(turns) for turns in question.row["completions"]]
    pairs = [(a, b) for a in range(len(ranks)) for b in range(len(ranks)) if ranks[a] < ranks[b]]
    for number, (better, worse) in enumerate(pairs):
        margin = scores[better] - scores[worse]
        known = not math.isnan(margin)
        yield Sample(
            id=question.id,
            repeat=number,
            slice=question.slice,
            group=question.group,
            question=question.text,
            target=texts[better],
            answer=texts[better if margin >= 0 else worse] if known else "",
            values={
                "accuracy": _half_of_ties(margin) if known else None,
                "longer_wins": _half_of_ties(len(texts[better]) - len(texts[worse])),
                "length_gap": _length_gap(texts[better], texts[worse]),
            },
            confidence=1.0 / (1.0 + math.exp(-min(abs(margin), 500.0))) if known else None,
        )


def _half_of_ties(difference: float) -> float:
    return 0.5 if difference == 0 else float(difference > 0)


def _length_gap(first: str, second: str) -> float:
    """The difference of the lengths in characters, as a share of the longer."""
    longer = max(len(first), len(second))
    return abs(len(first) - len(second)) / longer if longer else 0.0


def _text(turns: Sequence[Message]) -> str:
    """The assistant's words in a completion."""
    answers: list[Mapping[str, Any]] = [turn for turn in turns if turn["role"] == "assistant"]
    return "\n\n".join(turn["content"] for turn in answers if isinstance(turn.get("content"), str))


SUITES = (SuiteKind(PreferencesSuite, read_preferences_suite, run_preferences_suite, preferences_measures),)
