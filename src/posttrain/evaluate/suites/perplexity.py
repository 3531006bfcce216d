"""The suite `perplexity`: how well a model predicts texts, or answers to questions. A rise shows what it forgets."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from posttrain.data.files.read import Row
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, OnDone, choice_logprobs_of, text_losses_of
from posttrain.evaluate.measures import SuiteMeasure
from posttrain.evaluate.options import SuiteOptions, SuiteRows
from posttrain.evaluate.questions import Question, questions_of
from posttrain.evaluate.rows import suite_rows
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.statistics.estimate import Measure as IndexMeasure

SHOWN = 200
"""Characters of a text that a sample keeps."""


class PerplexitySuite(SuiteOptions):
    """Texts, as rows of `text` or as .txt files; or rows of `input` and `target`: the target alone is counted."""

    holds: ClassVar[SuiteRows] = "texts"

    kind: Literal["perplexity"]
    window: int = Field(default=1024, ge=2, description="tokens that the model reads at once")
    stride: int = Field(
        default=512, ge=1, description="tokens between windows; a token has at least window - stride tokens before it"
    )
    split: Literal["documents", "lines"] = Field(
        default="documents",
        description="documents: a row, or a part of a .txt file between lines of <|endoftext|>; lines: each line of "
        "these is a text by itself",
    )

    @model_validator(mode="after")
    def _windows_overlap(self) -> "PerplexitySuite":
        if self.stride >= self.window:
            raise ValueError("`stride` must be below `window`, since the first token of a window is context alone")
        if self.samples > 1:
            raise ValueError("`samples`: a text has one loss; leave `samples` at 1")
        return self


@dataclass(frozen=True, slots=True)
class TextSums:
    """What perplexity is computed from, over some texts.

    Args:
        nats: minus the summed log-probs.
        tokens: the number of tokens.
        bytes: the number of UTF-8 bytes.
    """

    nats: float
    tokens: float
    bytes: float


def read_perplexity_suite(options: PerplexitySuite, base: Path) -> list[Question]:
    """The texts, each as a question without messages; or the questions, whose answers are counted.

    Raises:
        InputError: a row has no text, or no answer where the first row has a question; or an id is there twice.
    """
    rows = (row for source in options.data for row in suite_rows(source, base))
    first = list(islice(rows, 1))
    answers = any("input" in row.values and "text" not in row.values for row in first)
    if options.template_arguments and not answers:
        raise InputError("`template_arguments`: no chat template renders plain texts; remove the key")
    pieces = (piece for row in chain(first, rows) for piece in _pieces(row, options.split))
    check = _check_answer if answers else _check_text
    return questions_of(islice(pieces, options.rows), check, options.template_arguments, conversation=answers)


def run_perplexity_suite(
    options: PerplexitySuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """The log-prob, tokens and bytes of each text or answer.

    Raises:
        InputError: the answerer gives no log-probs.
    """
    texts = [str(question.row["target" if question.messages else "text"]) for question in questions]
    if any(question.messages for question in questions):
        if unused := sorted(options.changed() & {"window", "stride", "split"}):
            raise InputError(f"`{unused[0]}`: the rows have answers, which are read whole; remove the key")
        if answerer.choice_logprobs is None:
            raise InputError(f"{answerer.name} gives no log-probs of answers; measure a model folder")
        choices = [[text] for text in texts]
        losses = [loss for [loss] in choice_logprobs_of(answerer, questions, choices, done)]
    else:
        losses = text_losses_of(answerer, texts, options.window, options.stride, done)
    return [
        Sample(
            id=question.id,
            repeat=0,
            slice=question.slice,
            group=question.group,
            question=(question.text or text)[:SHOWN],
            target=text[:SHOWN] if question.messages else None,
            answer="",
            values={"logp": loss.logp, "tokens": float(loss.tokens), "bytes": float(len(text.encode()))},
        )
        for question, text, loss in zip(questions, texts, losses, strict=True)
    ]


def perplexity_measures(options: PerplexitySuite) -> Sequence[SuiteMeasure]:
    """Loss in nats a token, its exponential, and bits a byte."""
    return (
        SuiteMeasure("loss", "lower", statistic=_of_sums(lambda sums: sums.nats / sums.tokens), unit="nats"),
        SuiteMeasure(
            "perplexity", "lower", statistic=_of_sums(lambda sums: math.exp(sums.nats / sums.tokens)), unit="value"
        ),
        SuiteMeasure(
            "bits_per_byte",
            "lower",
            statistic=_of_sums(lambda sums: sums.nats / math.log(2) / sums.bytes),
            unit="value",
        ),
    )


def _of_sums(figure: Callable[[TextSums], float]) -> Callable[[Sequence[Sample]], IndexMeasure]:
    """A figure of sums over texts, so that each token has the same weight."""

    def statistic(samples: Sequence[Sample]) -> IndexMeasure:
        sums_N3 = np.array([[s.values["logp"], s.values["tokens"], s.values["bytes"]] for s in samples], np.float64)

        def of(picked: np.ndarray) -> float:
            logp, tokens, size = (float(total) for total in sums_N3[picked].sum(0))
            return figure(TextSums(-logp, tokens, size))

        return of

    return statistic


def _pieces(row: Row, split: str) -> list[Row]:
    text = row.values.get("text")
    if split == "documents" or not isinstance(text, str):
        return [row]
    name = row.values.get("id")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [
        replace(row, values={**row.values, "text": line, "id": None if name is None else f"{name}.{number}"})
        for number, line in enumerate(lines)
    ] or [row]


def _check_answer(question: Question) -> None:
    target = question.row.get("target")
    if not isinstance(target, str) or not target.strip():
        raise InputError("`target` (or `completion`) should be an answer with words, since its tokens are counted")


def _check_text(question: Question) -> None:
    text = question.row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError("`text` should be a text with words; for another column, set `columns: {text: NAME}`")


SUITES = (SuiteKind(PerplexitySuite, read_perplexity_suite, run_perplexity_suite, perplexity_measures),)
