"""Who answers a suite's questions: a model in this process, a server, or a file of saved answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posttrain.data.reasoning import behind_trace
from posttrain.errors import InputError
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question

OnDone = Callable[[int], None]
"""Called with the number of answers that are there."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """An answer.

    Args:
        text: what the model wrote, without end tokens.
        probability: the geometric mean of its tokens' probabilities; None if it is not known.
    """

    text: str
    probability: float | None = None

    @property
    def final(self) -> str:
        """The text behind the reasoning trace; "" if the trace has no end."""
        return behind_trace(self.text) or ""


@dataclass(frozen=True, slots=True)
class TextLoss:
    """How well a model predicts a text, or an answer to a question.

    Args:
        logp: the sum of the log-probs of the counted tokens, in nats.
        tokens: the number of counted tokens.
    """

    logp: float
    tokens: int


Generate = Callable[[Sequence[Question], SuiteOptions, OnDone], list[list[ModelAnswer]]]
"""`samples` answers to each question."""
ChoiceLogprobs = Callable[[Sequence[Question], Sequence[Sequence[str]], OnDone], list[list[TextLoss]]]
"""The log-prob of each choice as the answer to each question; the end token is not counted."""
TextLosses = Callable[[Sequence[str], int, int, OnDone], list[TextLoss]]
"""(texts, window and stride in tokens) → the loss of each text."""
PairRewards = Callable[[Sequence[Question], OnDone], list[list[float]]]
"""A reward model's score of each completion of each row."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """A source of answers. What it cannot give is None.

    Args:
        name: as messages show it, such as "the server" or "saved answers".
    """

    name: str
    generate: Generate | None = None
    choice_logprobs: ChoiceLogprobs | None = None
    text_losses: TextLosses | None = None
    pair_rewards: PairRewards | None = None


def answers_of(
    answerer: Answerer, questions: Sequence[Question], options: SuiteOptions, done: OnDone
) -> list[ModelAnswer]:
    """All answers, those to one question one after another.

    Raises:
        InputError: the answerer does not write.
    """
    if answerer.generate is None:
        raise InputError(f"{answerer.name} gives no answers; this suite needs a model that writes")
    return [answer for group in answerer.generate(questions, options, done) for answer in group]


def choice_logprobs_of(
    answerer: Answerer, questions: Sequence[Question], choices: Sequence[Sequence[str]], done: OnDone
) -> list[list[TextLoss]]:
    """The log-prob of each choice as the answer to each question.

    Raises:
        InputError: the answerer gives no log-probs of choices.
    """
    if answerer.choice_logprobs is None:
        raise InputError(
            f"{answerer.name} gives no log-probs of choices; let it answer in words (`by: text`, or `confidence: "
            "sequence` in a suite of kind abstention), or measure a model folder"
        )
    return answerer.choice_logprobs(questions, choices, done)


def text_losses_of(answerer: Answerer, texts: Sequence[str], window: int, stride: int, done: OnDone) -> list[TextLoss]:
    """How well the answerer predicts each text.

    Raises:
        InputError: the answerer gives no log-probs of texts.
    """
    if answerer.text_losses is None:
        raise InputError(f"{answerer.name} gives no log-probs of texts; perplexity needs a model folder that writes")
    return answerer.text_losses(texts, window, stride, done)


def pair_rewards_of(answerer: Answerer, questions: Sequence[Question], done: OnDone) -> list[list[float]]:
    """The score of each completion of each row.

    Raises:
        InputError: the answerer is no reward model.
    """
    if answerer.pair_rewards is None:
        raise InputError(f"{answerer.name} is no reward model, and gives no scores of completions")
    return answerer.pair_rewards(questions, done)
