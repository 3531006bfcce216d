"""The answerer that is a file of saved answers: no model runs.

It reads rows of ``id`` and ``answer``, the samples of a stage or of ``posttrain eval``, and the samples of
lm-evaluation-harness. A row belongs to the question with its id; a row without an id to the question with its text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.data.files.read import Row, read_rows
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, ModelAnswer, OnDone
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question

_TEXTS = ("question", "input", "prompt")
"""Columns that hold the question's text, the first of them that is there."""


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """A row of the file.

    Args:
        where: ``file:line``.
        id: of its question; None if the row has none.
        question: the question's text; None if the row has none.
        answer: the text, and the model's probability of it if the row has one.
        repeat: the number of the answer among several to one question; None to count them.
    """

    where: str
    id: str | None
    question: str | None
    answer: ModelAnswer
    repeat: int | None


def saved_answerer(source: str | Path) -> Answerer:
    """The answers of a file. Errors appear once the questions are known.

    Args:
        source: the file, or a folder of files, of one suite.
    """

    def generate(questions: Sequence[Question], options: SuiteOptions, done: OnDone) -> list[list[ModelAnswer]]:
        saved = [answer for row in read_rows(source) for answer in read_saved_row(row)]
        groups = _matched(saved, questions, str(source))
        for question, answers in zip(questions, groups, strict=True):
            if len(answers) != options.samples:
                raise InputError(
                    f"{answers[0].where}: the question {question.id!r} has {len(answers)} saved answers, and `samples` "
                    f"is {options.samples}"
                )
        done(len(saved))
        return [[saved.answer for saved in group] for group in groups]

    return Answerer(f"the file {source}", generate=generate)


def read_saved_row(row: Row) -> list[SavedAnswer]:
    """The answers of a row, in any of the three formats. Of lm-evaluation-harness' filters only the first counts.

    Raises:
        InputError: the row has no answer.
    """
    values = row.values
    if "resps" in values:
        return list(_harness_answers(row))
    answer = values.get("answer")
    if not isinstance(answer, str):
        raise InputError(
            f"{row.where}: a saved answer has a text under `answer`, and `id` or the question's text beside it"
        )
    text = _text_in(values)
    if values.get("id") is None and text is None:
        raise InputError(f"{row.where}: the row names no question; give `id`, or the text under `question`")
    confidence = values.get("confidence")
    probability = float(confidence) if isinstance(confidence, int | float) else None
    repeat = values["repeat"] if isinstance(values.get("repeat"), int) else None
    name = None if values.get("id") is None else str(values["id"])
    return [SavedAnswer(row.where, name, text, ModelAnswer(answer, probability), repeat)]


def _harness_answers(row: Row) -> Iterator[SavedAnswer]:
    """The first request's answers: ``resps[0]`` has one text for each repeat."""
    values = row.values
    document = values.get("doc")
    document = document if isinstance(document, dict) else {}
    number = document.get("id", values.get("doc_id"))
    first = values["resps"][0] if isinstance(values["resps"], list) and values["resps"] else None
    given = first if isinstance(first, list) else [first]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given) or number is None:
        raise InputError(f"{row.where}: `resps` holds no texts: this task compares log-probs of choices")
    for repeat, text in enumerate(texts):
        yield SavedAnswer(row.where, str(number), _text_in(document, ("input", "prompt")), ModelAnswer(text), repeat)


def _text_in(values: Mapping[str, Any], names: Sequence[str] = _TEXTS) -> str | None:
    """The question's text: of a conversation, its last message."""
    value = next((values[name] for name in names if values.get(name) is not None), None)
    last: Any = value[-1] if isinstance(value, list) and value else value
    text = last.get("content") if isinstance(last, dict) else last
    return text if isinstance(text, str) else None


def _matched(saved: Sequence[SavedAnswer], questions: Sequence[Question], source: str) -> list[list[SavedAnswer]]:
    """The saved answers to each question, at least one.

    Raises:
        InputError: an answer belongs to no question, or a question has no answer; with the counts of both.
    """
    numbers = {question.id: number for number, question in enumerate(questions)}
    texts: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        texts.setdefault(_key(question.text), []).append(number)
    groups: list[dict[int, SavedAnswer]] = [{} for _ in questions]
    strangers: list[SavedAnswer] = []
    for answer in saved:
        number = _number_of(answer, numbers, texts)
        if number is None:
            strangers.append(answer)
            continue
        _check_question(answer, questions[number])
        place = len(groups[number]) if answer.repeat is None else answer.repeat
        first = groups[number].setdefault(place, answer)
        if first is not answer and first.answer.text != answer.answer.text:
            raise InputError(f"{answer.where}: the question {questions[number].id!r} has an answer in {first.where}")
    missing = [question for question, group in zip(questions, groups, strict=True) if not group]
    problems: list[str] = []
    if strangers:
        shown = strangers[0].id if strangers[0].id is not None else strangers[0].question
        problems.append(
            f"{strangers[0].where}: the suite has no question {str(shown)[:60]!r} "
            f"({len(strangers):,} of {len(saved):,} answers belong to none)"
        )
    if missing:
        problems.append(
            f"{missing[0].where}: the question {missing[0].id!r} has no answer in {source} "
            f"({len(missing):,} of {len(questions):,} questions have none)"
        )
    if problems:
        raise InputError("; ".join(problems))
    return [[group[place] for place in sorted(group)] for group in groups]


def _number_of(answer: SavedAnswer, numbers: Mapping[str, int], texts: Mapping[str, Sequence[int]]) -> int | None:
    if answer.id is not None:
        return numbers.get(answer.id)
    found = texts.get(_key(answer.question or ""), ())
    if len(found) > 1:
        raise InputError(f"{answer.where}: {len(found)} questions of the suite have this text; give `id` in each row")
    return found[0] if found else None


def _check_question(answer: SavedAnswer, question: Question) -> None:
    if answer.question is not None and question.messages and _key(answer.question) != _key(question.text):
        raise InputError(
            f"{answer.where}: the id {answer.id!r} has another question here than in {question.where}; "
            "is this file of another suite?"
        )


def _key(text: str) -> str:
    return " ".join(text.split())
