"""The suite `summary`: summaries by ROUGE, required facts, forbidden claims, and numbers that the source has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, OnDone, answers_of
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question, metadata_of, read_questions
from posttrain.evaluate.sample import Sample, Values, sample_of
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.rewards.facts import Statement, count_stated, read_statements
from posttrain.rewards.grounded_numbers import grounded_share, source_text
from posttrain.rewards.match import right_texts
from posttrain.rewards.rouge import RougeVariant, best_rouge
from posttrain.rewards.types import NotApplicable

VARIANTS: tuple[RougeVariant, ...] = get_args(RougeVariant)


class SummarySuite(SuiteOptions):
    """Texts to summarise: `input` holds the text, or `metadata.source` where `input` has other text too.

    `target` may hold reference summaries, `metadata.facts` what a summary must state, and `metadata.forbidden` what it
    must not state.
    """

    kind: Literal["summary"]


def read_summary_suite(options: SummarySuite, base: Path) -> list[Question]:
    """The texts.

    Raises:
        InputError: see `read_questions`; or the target, facts, claims or source of a row are no texts.
    """

    def check(question: Question) -> None:
        _references(question)
        _statements(question, "facts")
        _statements(question, "forbidden")
        if not source_text(question.row).strip():
            raise InputError("`metadata.source` is empty")

    return read_questions(options, base, check)


def run_summary_suite(
    options: SummarySuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """Answer the requests, and measure each summary."""
    answers = answers_of(answerer, questions, options, done)
    repeated = [(question, repeat) for question in questions for repeat in range(options.samples)]
    return [
        sample_of(question, answer, repeat, summary_values(question, answer.final))
        for (question, repeat), answer in zip(repeated, answers, strict=True)
    ]


def summary_values(question: Question, answer: str) -> Values:
    """What was measured of a summary; None for what the row does not have."""
    references = _references(question)
    facts, forbidden = _statements(question, "facts"), _statements(question, "forbidden")
    source = source_text(question.row)
    words = len(answer.split())
    return {
        **{name: best_rouge(answer, references, name).f1 if references else None for name in VARIANTS},
        "facts_kept": count_stated(answer, facts) / len(facts) if facts else None,
        "forbidden_absent": float(not count_stated(answer, forbidden)) if forbidden else None,
        "numbers_grounded": grounded_share(answer, source),
        "words": float(words),
        "length_ratio": words / len(source.split()),
    }


def summary_measures(options: SummarySuite) -> Sequence[SuiteMeasure]:
    """ROUGE, facts and claims, numbers, and length."""
    return (
        *(mean_of(name) for name in VARIANTS),
        mean_of("facts_kept"),
        mean_of("forbidden_absent"),
        mean_of("numbers_grounded"),
        mean_of("words", better="neither", unit="value"),
        mean_of("length_ratio", better="neither", unit="value"),
    )


def _references(question: Question) -> tuple[str, ...]:
    if question.row.get("target") is None:
        return ()
    targets = right_texts(question.row, "target")
    return () if isinstance(targets, NotApplicable) else targets


def _statements(question: Question, key: str) -> tuple[Statement, ...]:
    return read_statements(metadata_of(question.row).get(key), f"metadata.{key}")


SUITES = (SuiteKind(SummarySuite, read_summary_suite, run_summary_suite, summary_measures),)
