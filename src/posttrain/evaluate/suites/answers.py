"""The suite `answers`: each answer is scored by rewards, which serve as metrics."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from posttrain.errors import InputError, RunError
from posttrain.evaluate.answers import Answerer, ModelAnswer, OnDone, answers_of
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.passes import pass_measures
from posttrain.evaluate.questions import Question, read_questions
from posttrain.evaluate.refusal_language import check_language
from posttrain.evaluate.sample import Sample, Values, sample_of
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.options import Name
from posttrain.rewards.registry import REWARD_KINDS, RewardSpec, make_reward
from posttrain.rewards.score import reward_verdicts
from posttrain.rewards.types import Failed, RewardOptions


def as_metrics(value: Any) -> Any:
    """A mapping of metrics, from the name of one, or from a list of names."""
    names: Any = [value] if isinstance(value, str) else value
    return {name: {"kind": name} for name in names} if isinstance(names, list | tuple) else names


Metrics = Annotated[Mapping[Name, RewardSpec], Field(min_length=1), BeforeValidator(as_metrics)]
"""Name → reward that measures an answer."""


class AnswersSuite(SuiteOptions):
    """Questions whose answers are scored by rewards."""

    kind: Literal["answers"] = "answers"
    metrics: Metrics = Field(
        description="a reward's kind, a list of kinds, or name → reward: each scores every answer, such as match, "
        "contains, json, json_fields, refusal or math"
    )
    k: tuple[int, ...] = Field(
        default=(),
        description="also report pass@k (one of k answers is right) and pass^k (all k are right) of each metric, for "
        "instance [1, 5]; an answer is right where the metric gives 1. At most `samples`",
    )

    @field_validator("metrics")
    @classmethod
    def _read_text(cls, metrics: Mapping[str, RewardOptions]) -> Mapping[str, RewardOptions]:
        for name, metric in metrics.items():
            if problem := metric_problem(metric):
                raise ValueError(f"{name}: {problem}")
        return metrics

    @model_validator(mode="after")
    def _enough_samples(self) -> "AnswersSuite":
        if any(not 1 <= k <= self.samples for k in self.k):
            raise ValueError(f"`k`: each should lie between 1 and `samples`, {self.samples}")
        if len(set(self.k)) < len(self.k):
            raise ValueError("`k` has a number twice")
        return self


def metric_problem(metric: RewardOptions) -> str | None:
    """The reason why a reward is no metric; None if it is one."""
    if REWARD_KINDS[metric.kind].reads_tokens:
        return "a reward model reads tokens; a suite of kind `preferences` measures one"
    return "a metric has no `weight`, since metrics are not added up" if metric.weight != 1.0 else None


def read_answers_suite(options: AnswersSuite, base: Path) -> list[Question]:
    """The questions, each tried: a metric must be able to score an answer to it.

    Raises:
        InputError: see `read_questions`; a row lacks what a metric reads; or the metric `refusal` does not know the
            language of the questions.
    """
    questions = read_questions(options, base, metric_trial(options.metrics, base))
    if any(metric.kind == "refusal" for metric in options.metrics.values()):
        check_language(questions)
    return questions


def run_answers_suite(
    options: AnswersSuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """Answer the questions, and score the answers."""
    return scored_samples(options, questions, answers_of(answerer, questions, options, done), options.metrics, base)


def answers_measures(options: AnswersSuite) -> Sequence[SuiteMeasure]:
    """The mean of each metric, and its pass@k and pass^k."""
    means = [mean_of(name, unit="share") for name in options.metrics]
    return [*means, *(measure for name in options.metrics for k in options.k for measure in pass_measures(name, k))]


def scored_samples(
    options: SuiteOptions,
    questions: Sequence[Question],
    answers: Sequence[ModelAnswer],
    metrics: Mapping[str, RewardOptions],
    base: Path,
) -> list[Sample]:
    """Each answer with its value of each metric.

    Args:
        answers: `options.samples` of each question, one after another.

    Raises:
        RunError: a metric failed on an answer: a missing score would change what the suite measures.
    """
    repeated = [(question, repeat) for question in questions for repeat in range(options.samples)]
    values = metric_values(metrics, [question for question, _ in repeated], [answer.text for answer in answers], base)
    return [
        sample_of(question, answer, repeat, value)
        for (question, repeat), answer, value in zip(repeated, answers, values, strict=True)
    ]


def metric_values(
    metrics: Mapping[str, RewardOptions], questions: Sequence[Question], texts: Sequence[str], base: Path
) -> Sequence[Values]:
    """The values of each answer, by metric. The question is `prompt` too, as a judge's template names it.

    Raises:
        RunError: a metric failed.
    """
    values: list[dict[str, float | None]] = [{} for _ in texts]
    rows = [{"prompt": question.row.get("input"), **question.row} for question in questions]
    for name, options in metrics.items():
        verdicts = reward_verdicts(make_reward(options, base), texts, rows)
        for question, verdict, value in zip(questions, verdicts, values, strict=True):
            if isinstance(verdict, Failed):
                raise RunError(f"{question.where}: metric `{name}`: {verdict.reason}")
            value[name] = verdict if isinstance(verdict, float) else None
    return values


def metric_trial(metrics: Mapping[str, RewardOptions], base: Path) -> Callable[[Question], None]:
    """A check of one question: each metric that needs no model, program or function of the user scores an empty answer.

    Args:
        base: the recipe's folder.
    """
    kinds = {name: REWARD_KINDS[metric.kind] for name, metric in metrics.items()}
    tried = {
        name: make_reward(metrics[name], base)
        for name, kind in kinds.items()
        if not (kind.needs_model or kind.user_code or kind.answer_form == "program")
    }

    def check(question: Question) -> None:
        for name, function in tried.items():
            (verdict,) = reward_verdicts(function, [""], [question.row])
            if isinstance(verdict, Failed):
                raise InputError(f"metric `{name}`: {verdict.reason}")

    return check


SUITES = (SuiteKind(AnswersSuite, read_answers_suite, run_answers_suite, answers_measures),)
