"""Generate a policy's answers to the questions of a suite, and measure them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.chat.answer_text import answer_text
from posttrain.data.chat.encode import encode_prompt
from posttrain.data.chat.renderer import Renderer
from posttrain.data.language import LANGUAGES, language_of
from posttrain.errors import InputError
from posttrain.evaluate.metrics import METRICS, check_row, metadata_of, own_words
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.refusal import KNOWN
from posttrain.evaluate.rows import suite_rows
from posttrain.generation.engine import greedy
from posttrain.policy.load import Policy

PORTION = 600
"""Characters of questions whose language is judged together; single ones are too short."""

WORDS = 30
"""Different words that a text in a known language cannot have without some of its small words among them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question, the model's answer, and its measure."""

    id: str
    slice: str | None
    question: str
    target: Any
    answer: str
    value: float


@dataclass(frozen=True, slots=True)
class Question:
    """A row of a suite; see ``FORMATS``: Inspect's ``id, input, target, metadata``."""

    where: str
    messages: tuple[Mapping[str, Any], ...]
    row: Mapping[str, Any]

    @property
    def slice(self) -> str | None:
        """The part of the suite it is reported under."""
        part = metadata_of(self.row).get("slice")
        return None if part is None else str(part)


def read_suite(options: SuiteOptions, base: Path) -> list[Question]:
    """The suite's questions.

    Raises:
        InputError: a row without ``input``, or without what the metric needs (a ``target``, say), or questions in a
            language whose refusals the metric does not know.
    """
    questions: list[Question] = []
    rows = (row for source in options.data for row in suite_rows(source, base))
    for row in islice(rows, options.rows):
        question = row.values.get("input")
        messages = [{"role": "user", "content": question}] if isinstance(question, str) else question
        if not isinstance(messages, list) or not messages or not all(_is_message(m) for m in messages):
            raise InputError(
                f"{row.where}: `input` (or `prompt`) should be a question or a list of messages with role and content"
            )
        try:
            check_row(options.metric, row.values)
            if isinstance(metadata_of(row.values).get("slice"), dict | list):
                raise InputError("`metadata.slice` should be a text, the name of a part of the suite")
        except InputError as error:
            raise InputError(f"{row.where}: {error}") from error
        questions.append(Question(row.where, tuple(messages), row.values))
    if options.metric == "refused":
        _check_language([question for question in questions if not own_words(question.row)])
    return questions


def _check_language(questions: Sequence[Question]) -> None:
    """Whether the list of refusals knows the language of these questions, read in portions of `PORTION` characters.

    Raises:
        InputError: many of them are in another one, which would be measured as no refusals at all.
    """
    unknown: list[tuple[Question, str]] = []
    portions = 0
    waiting: list[Question] = []
    for question in questions:
        waiting.append(question)
        text = " ".join(one.messages[-1]["content"] for one in waiting)
        if len(text) >= PORTION or question is questions[-1]:
            portions += 1
            language = LANGUAGES[language_of(text)]
            if language not in KNOWN and (language != "unknown" or _is_prose(text)):
                unknown.append((waiting[0], language))
            waiting = []
    if len(unknown) > portions / 4:
        question, language = unknown[0]
        name = "a language it does not know" if language == "unknown" else language
        raise InputError(
            f"{question.where}: this question and others seem to be in {name}, and `refused` knows refusals in "
            f"{', '.join(KNOWN)} only. Give the words by which a refusal is known, in each row: "
            '"metadata": {"refusal": ["..."]}'
        )


def _is_prose(text: str) -> bool:
    """Enough different words, most of them of letters alone: no code, no table."""
    words = text.split()
    return len(set(words)) >= WORDS and sum(word.strip(".,;:!?\"'()").isalpha() for word in words) > 0.8 * len(words)


def run_suite(
    policy: Policy,
    renderer: Renderer,
    options: SuiteOptions,
    base: Path,
    on_done: Callable[[int], None] = lambda n: None,
) -> list[Sample]:
    """Greedy answers to every question, measured.

    Args:
        renderer: how conversations become the model's tokens.
        on_done: called with the number of questions answered.
    """
    questions = read_suite(options, base)
    prompts = [encode_prompt(q.messages, renderer, where=q.where) for q in questions]
    answers = greedy(policy, prompts, max_new_tokens=options.max_new_tokens, on_done=on_done)
    measure = METRICS[options.metric]
    samples: list[Sample] = []
    for number, (question, tokens) in enumerate(zip(questions, answers, strict=True)):
        answer = answer_text(tokens, renderer)
        samples.append(
            Sample(
                id=str(number if question.row.get("id") is None else question.row["id"]),
                slice=question.slice,
                question=question.messages[-1]["content"],
                target=question.row.get("target"),
                answer=answer,
                value=measure(answer, question.row),
            )
        )
    return samples


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and {"role", "content"} <= value.keys() and isinstance(value["content"], str)
