"""The suite `tone`: whether answers keep the house style, and the same for paraphrases of a question."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, field_validator

from posttrain.data.reasoning import behind_trace
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, OnDone, answers_of
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question, read_questions
from posttrain.evaluate.sample import Sample, sample_of
from posttrain.evaluate.suites.answers import metric_problem, metric_values
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.rewards.judge import JudgeReward
from posttrain.rewards.style import StyleReward, count_words, style_checks, style_values
from posttrain.rewards.types import RewardOptions
from posttrain.statistics.estimate import Measure as IndexMeasure


def _of_kind(kind: str) -> BeforeValidator:
    """The kind may be left out, since there is only one."""

    def filled(value: Any) -> Any:
        return {"kind": kind, **value} if isinstance(value, Mapping) else value

    return BeforeValidator(filled)


class ToneSuite(SuiteOptions):
    """Questions in groups of paraphrases (`metadata.group_id`), whose answers keep a style."""

    kind: Literal["tone"]
    style: Annotated[StyleReward, _of_kind("style")] = Field(
        description="the checks, with the keys of the reward `style`"
    )
    judge: Annotated[JudgeReward, _of_kind("judge")] | None = Field(
        default=None, description="a judge of the tone, with the keys of the reward `judge`"
    )

    @field_validator("style", "judge")
    @classmethod
    def _are_metrics(cls, metric: RewardOptions | None) -> RewardOptions | None:
        if metric is not None and (problem := metric_problem(metric)):
            raise ValueError(problem)
        return metric


def read_tone_suite(options: ToneSuite, base: Path) -> list[Question]:
    """The questions.

    Raises:
        InputError: see `read_questions`; or a row names no group.
    """
    return read_questions(options, base, _in_group)


def run_tone_suite(
    options: ToneSuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """Answer the questions, and check the style of each answer.

    Raises:
        RunError: the judge failed on an answer.
    """
    answers = answers_of(answerer, questions, options, done)
    repeated = [(question, repeat) for question in questions for repeat in range(options.samples)]
    judges = {} if options.judge is None else {"judge": options.judge}
    judged = metric_values(judges, [question for question, _ in repeated], [answer.text for answer in answers], base)
    samples: list[Sample] = []
    for (question, repeat), answer, opinion in zip(repeated, answers, judged, strict=True):
        checks = style_values(options.style, answer.final)
        if behind_trace(answer.text) is None:
            checks = dict.fromkeys(checks, 0.0)  # an empty text may keep every check
        share = sum(checks.values()) / len(checks)
        totals = {"style": float(share == 1.0), "style_score": share, "words": float(count_words(answer.final))}
        samples.append(sample_of(question, answer, repeat, {**totals, **checks, **opinion}))
    return samples


def tone_measures(options: ToneSuite) -> Sequence[SuiteMeasure]:
    """Answers that keep all checks, each check, and the spread inside groups."""
    return (
        mean_of("style"),
        *(mean_of(name) for name in style_checks(options.style)),
        *([] if options.judge is None else [mean_of("judge", unit="value")]),
        SuiteMeasure("style_spread", "lower", statistic=_over_groups(_deviation("style_score")), unit="value"),
        SuiteMeasure("length_spread", "lower", statistic=_over_groups(_deviation("words")), unit="value"),
        SuiteMeasure("consistent", "higher", statistic=_over_groups(_consistent)),
    )


def _in_group(question: Question) -> None:
    if question.group is None:
        raise InputError("`metadata.group_id` should name the group of paraphrases that the question belongs to")


def _deviation(name: str) -> Callable[[Sequence[Sample]], float]:
    def deviation(group: Sequence[Sample]) -> float:
        return float(np.std([sample.values[name] or 0.0 for sample in group], ddof=1))

    return deviation


def _consistent(group: Sequence[Sample]) -> float:
    return float(len({sample.values["style"] for sample in group}) == 1)


def _over_groups(figure: Callable[[Sequence[Sample]], float]) -> Callable[[Sequence[Sample]], IndexMeasure]:
    """The mean of a figure of groups with several answers; NaN if there is none.

    Each answer carries 1 / (answers of its group), so that sums over answers count groups.
    """

    def statistic(samples: Sequence[Sample]) -> IndexMeasure:
        groups: dict[str, list[Sample]] = {}
        for sample in samples:
            groups.setdefault(sample.cluster, []).append(sample)
        figures = {name: figure(members) for name, members in groups.items() if len(members) > 1}
        weight_N = np.array([1.0 / len(groups[s.cluster]) if s.cluster in figures else 0.0 for s in samples])
        figure_N = np.array([figures.get(s.cluster, 0.0) for s in samples])

        def of(picked: np.ndarray) -> float:
            total = weight_N[picked].sum()
            return float((weight_N * figure_N)[picked].sum() / total) if total else float("nan")

        return of

    return statistic


SUITES = (SuiteKind(ToneSuite, read_tone_suite, run_tone_suite, tone_measures),)
