"""The suite `abstention`: correctness before plausibility. A model may abstain, and a wrong answer costs more."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from posttrain.evaluate.answers import Answerer, ModelAnswer, OnDone, answers_of
from posttrain.evaluate.choices import (
    ChoiceOptions,
    choices_of,
    label_named,
    label_of_value,
    label_problem,
    preferred_choices,
)
from posttrain.evaluate.confident_answers import measures_of_confidence
from posttrain.evaluate.measures import SuiteMeasure
from posttrain.evaluate.questions import Question, metadata_of, read_questions
from posttrain.evaluate.sample import Sample, sample_of
from posttrain.evaluate.suites.answers import metric_problem, metric_trial, metric_values
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.rewards.match import MatchReward
from posttrain.rewards.refusal.detect import says
from posttrain.rewards.registry import RewardSpec
from posttrain.rewards.types import RewardOptions

ABSTAIN_WORDS = (
    *("I don't know", "I do not know", "I'm not sure", "I am not sure", "not sure", "I cannot tell", "I can't tell"),
    *("cannot determine", "can't determine", "cannot be determined", "can't be determined", "unanswerable"),
    *("not stated", "not mentioned", "not specified", "does not say", "doesn't say", "not enough information"),
    *("insufficient information", "no information", "not possible to determine"),
)
"""Words by which an answer abstains, in English."""


def as_metric(value: Any) -> Any:
    """A metric, from its kind."""
    return {"kind": value} if isinstance(value, str) else value


class AbstentionSuite(ChoiceOptions):
    """Questions that a model answers, or leaves unanswered where it does not know.

    `metadata.expected_behavior: abstain` marks a question without an answer; it needs no `target`.
    """

    kind: Literal["abstention"]
    metric: Annotated[RewardSpec, BeforeValidator(as_metric)] = Field(
        default=MatchReward(kind="match"), description="the reward that scores an answer: its kind, or its keys"
    )
    right_from: float = Field(default=1.0, description="an answer is right if the metric gives at least this")
    abstain_words: tuple[str, ...] = Field(
        default=ABSTAIN_WORDS, description="an answer that holds one of these abstains; case does not count"
    )
    abstain_label: str | None = Field(
        default=None, description="the label that abstains, such as maybe; a row whose target it is has no answer"
    )
    confidence: Literal["sequence", "choices"] = Field(
        default="sequence",
        description="sequence: the model writes, and its confidence is the mean probability of its tokens (geometric); "
        "choices: it chooses a label by log-probs, and its confidence is the label's probability",
    )
    wrong_penalty: float = Field(default=1.0, ge=0, description="points that a wrong answer costs; a right one gives 1")
    confident: float = Field(default=0.9, gt=0, lt=1, description="confidence above which an answer is confident")

    @field_validator("metric")
    @classmethod
    def _reads_text(cls, metric: RewardOptions) -> RewardOptions:
        if problem := metric_problem(metric):
            raise ValueError(problem)
        return metric

    @model_validator(mode="after")
    def _labels_fit(self) -> "AbstentionSuite":
        by_choices = self.confidence == "choices"
        if self.labels and (
            problem := label_problem(self.labels, prefixes=not by_choices or self.normalise == "bytes")
        ):
            raise ValueError(f"`labels`: {problem}")
        if by_choices and self.samples > 1:
            raise ValueError("`samples`: log-probs are the same each time; leave `samples` at 1")
        if not by_choices and self.normalise != "none":
            raise ValueError("`normalise` goes with `confidence: choices` alone")
        if self.labels and self.abstain_label is not None and self.abstain_label not in self.labels:
            raise ValueError(f"`abstain_label`: {self.abstain_label!r} is none of the labels")
        return self


def read_abstention_suite(options: AbstentionSuite, base: Path) -> list[Question]:
    """The questions. Those whose target is the abstaining label expect the model to abstain.

    Raises:
        InputError: see `read_questions`; or a question with an answer lacks what the metric reads.
    """
    trial = metric_trial({"metric": options.metric}, base)

    def check(question: Question) -> None:
        if options.confidence == "choices":
            choices_of(question.row, options.labels, prefixes=options.normalise == "bytes")
        if not _unanswerable(question, options):
            trial(question)

    return [_marked(question, options) for question in read_questions(options, base, check)]


def run_abstention_suite(
    options: AbstentionSuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """Answer the questions, and score what is no abstention.

    Raises:
        InputError: the answerer gives no log-probs of choices, and `confidence` is choices.
        RunError: the metric failed on an answer.
    """
    if options.confidence == "choices":
        choices = [choices_of(question.row, options.labels, prefixes=True) for question in questions]
        answers = preferred_choices(answerer, questions, choices, options.normalise, done)
    else:
        answers = answers_of(answerer, questions, options, done)
    repeated = [(question, repeat) for question in questions for repeat in range(options.samples)]
    abstained = [abstains(answer.final, options) for answer in answers]
    scored = [i for i, (q, _) in enumerate(repeated) if not abstained[i] and q.expected != "abstain"]
    values = metric_values(
        {"score": options.metric}, [repeated[i][0] for i in scored], [answers[i].text for i in scored], base
    )
    scores = {i: value["score"] for i, value in zip(scored, values, strict=True)}
    return [
        _sample(question, answer, repeat, abstained[i], scores.get(i), options)
        for i, ((question, repeat), answer) in enumerate(zip(repeated, answers, strict=True))
    ]


def abstention_measures(options: AbstentionSuite) -> Sequence[SuiteMeasure]:
    """What is right, what wrong answers cost, how often it answers, and whether its confidence can be trusted."""
    return measures_of_confidence(options.wrong_penalty, options.confident)


def abstains(answer: str, options: AbstentionSuite) -> bool:
    """Whether an answer is or names the abstaining label, or holds abstaining words."""
    if options.abstain_label is not None:
        labels = options.labels or (options.abstain_label,)
        label = label_named(answer, labels) if options.labels else label_of_value(answer, labels)
        if label == options.abstain_label:
            return True
    return says(answer, options.abstain_words)


def _unanswerable(question: Question, options: AbstentionSuite) -> bool:
    """Whether a good model abstains: the row expects it, or its target is the abstaining label."""
    target = question.row.get("target")
    by_target = options.abstain_label is not None and label_of_value(target, [options.abstain_label]) is not None
    return question.expected == "abstain" or by_target


def _marked(question: Question, options: AbstentionSuite) -> Question:
    if not _unanswerable(question, options):
        return question
    metadata = {**metadata_of(question.row), "expected_behavior": "abstain"}
    return replace(question, row={**question.row, "metadata": metadata})


def _sample(
    question: Question,
    answer: ModelAnswer,
    repeat: int,
    abstained: bool,
    score: float | None,
    options: AbstentionSuite,
) -> Sample:
    """An answer as right, wrong or abstained. Each answer to an unanswerable question is wrong."""
    unanswerable = question.expected == "abstain"
    if abstained:
        label, right = "abstained", float(unanswerable)
    elif unanswerable or score is not None:
        right = float(score is not None and not unanswerable and score >= options.right_from)
        label = "right" if right else "wrong"
    else:
        label, right = None, None
    return sample_of(question, answer, repeat, {"accuracy": right, "score": score}, label=label)


SUITES = (SuiteKind(AbstentionSuite, read_abstention_suite, run_abstention_suite, abstention_measures),)
