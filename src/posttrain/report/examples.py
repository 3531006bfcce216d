"""Answers of all models to the same question, chosen so that gains, losses and undecided ones show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup, escape

from posttrain.evaluate.measures import Better, SuiteMeasure
from posttrain.evaluate.sample import Sample
from posttrain.report.record import RunRecord
from posttrain.report.results import ModelResults
from posttrain.report.suite_measures import main_measure, measure_of
from posttrain.report.word_diff import marked
from posttrain.report.wording import number_text

Turn = Literal["gain", "loss", "undecided"]

EACH = 2
"""Examples of each turn in a suite."""
CHARACTERS = 600
"""The most characters of an answer on the page."""
MODELS = 12
"""The most models beside each other."""


@dataclass(frozen=True, slots=True)
class AnswerCell:
    """An answer of one model: its text with the differences from the answer before it marked, and its score."""

    model: str
    text: Markup
    score: str
    cut: bool
    unlike: bool


@dataclass(frozen=True, slots=True)
class AnswerExample:
    """One question with the answers of all models."""

    turn: Turn
    id: str
    part: str | None
    question: str
    target: str
    answers: tuple[AnswerCell, ...]


@dataclass(frozen=True, slots=True)
class SuiteExamples:
    """The examples of a suite.

    Args:
        examples: the first one of each turn.
        further: the next ones.
        more: the number of questions that are not shown.
        file: holds all answers of the last model.
        counts: how many questions there are of each turn.
        directed: whether the direction of improvement is known.
    """

    suite: str
    examples: tuple[AnswerExample, ...]
    further: tuple[AnswerExample, ...]
    more: int
    file: str
    counts: Mapping[Turn, int]
    directed: bool


def examples_of(run: RunRecord) -> list[SuiteExamples]:
    """The examples of every suite that at least two models answered."""
    models: dict[str, ModelResults] = {} if run.base is None else {"before training": run.base}
    models |= {stage.name: stage.results for stage in run.stages if stage.results is not None}
    suites = dict.fromkeys(key.suite for results in models.values() for key in results.lines)
    found = [_suite(run, suite, models) for suite in suites]
    return [examples for examples in found if examples is not None]


def _suite(run: RunRecord, suite: str, models: Mapping[str, ModelResults]) -> SuiteExamples | None:
    answers = {name: results.samples_of(suite) for name, results in models.items()}
    answers = {name: samples for name, samples in answers.items() if samples}
    answers = dict([*list(answers.items())[:1], *list(answers.items())[1:][-(MODELS - 1) :]])
    if len(answers) < 2:
        return None
    last = list(answers)[-1]
    line = main_measure(suite, models[last].lines)
    measure = None if line is None else measure_of(line, run.recipe.get("suites", {}).get(suite), answers[last])
    better = line.better if line is not None else None
    by_key = [{sample.key: sample for sample in samples} for samples in answers.values()]
    rows = [[part[sample.key] for part in by_key] for sample in answers[last] if all(sample.key in p for p in by_key)]
    turned: dict[Turn, list[list[Sample]]] = {"loss": [], "gain": [], "undecided": []}
    for row in rows:
        turned[turn_of([_score(measure, sample) for sample in row], better)].append(row)
    first, further = (
        tuple(_example(turn, row, list(answers), measure) for turn, found in turned.items() for row in found[part])
        for part in (slice(0, 1), slice(1, EACH))
    )
    file = (models[last].folder / f"samples_{suite}.jsonl").relative_to(run.folder)
    counts: dict[Turn, int] = {turn: len(found) for turn, found in turned.items()}
    more = len(rows) - len(first) - len(further)
    return SuiteExamples(suite, first, further, more, str(file), counts, better in ("higher", "lower"))


def turn_of(scores: Sequence[float | None], better: Better | None) -> Turn:
    """Whether a question was lost on the way, gained over all, or neither. A loss counts even if a gain came first."""
    known = [score for score in scores if score is not None]
    if len(known) < 2:
        return "undecided"
    signed = [-score for score in known] if better == "lower" else known
    if signed[-1] < max(signed):
        return "loss"
    return "gain" if signed[-1] > signed[0] else "undecided"


def _score(measure: SuiteMeasure | None, sample: Sample) -> float | None:
    return None if measure is None or measure.value is None else measure.value(sample)


def _example(turn: Turn, row: Sequence[Sample], names: Sequence[str], measure: SuiteMeasure | None) -> AnswerExample:
    cells: list[AnswerCell] = []
    for number, (name, sample) in enumerate(zip(names, row, strict=True)):
        text, before = sample.answer[:CHARACTERS], row[number - 1].answer[:CHARACTERS] if number else None
        diff = escape(text) if before is None else marked(before, text)
        score = _score(measure, sample)
        shown = sample.label or ("not scored" if score is None else f"score {number_text(score)}")
        cut = len(sample.answer) > CHARACTERS
        cells.append(
            AnswerCell(name, escape(text) if diff is None else diff, shown.replace("_", " "), cut, diff is None)
        )
    last = row[-1]
    return AnswerExample(turn, last.id, last.slice, last.question[-CHARACTERS:], _target(last.target), tuple(cells))


def _target(target: Any) -> str:
    texts = target if isinstance(target, list) else [target]
    return "" if target is None else " or ".join(str(text) for text in texts)[:CHARACTERS]
