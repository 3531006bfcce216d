"""Put a suite's questions to a policy and measure its answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.chat import Codec, encode_prompt
from posttrain.errors import InputError
from posttrain.evaluate.metrics import METRICS
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.rows import suite_rows
from posttrain.policy.load import Policy
from posttrain.rollout.engine import greedy


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
        return self.row.get("metadata", {}).get("slice")


def read_suite(options: SuiteOptions, base: Path) -> list[Question]:
    """The suite's questions.

    Raises:
        InputError: a row without ``input`` or, where the metric compares with it, ``target``.
    """
    questions: list[Question] = []
    rows = (row for source in options.data for row in suite_rows(source, base))
    for row in islice(rows, options.rows):
        asked = row.values.get("input")
        messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        if not isinstance(messages, list) or not messages or not all(_is_message(m) for m in messages):
            raise InputError(
                f"{row.where}: `input` (or `prompt`) should be a question or a list of messages with role and content"
            )
        if options.metric in {"exact", "json_equal", "contains"} and "target" not in row.values:
            raise InputError(f"{row.where}: no `target`, which {options.metric} compares with")
        if not isinstance(row.values.get("metadata", {}), dict):
            raise InputError(f'{row.where}: `metadata` should be an object, such as {{"slice": "..."}}')
        questions.append(Question(row.where, tuple(messages), row.values))
    return questions


def run_suite(
    policy: Policy, codec: Codec, options: SuiteOptions, base: Path, on_done: Callable[[int], None] = lambda n: None
) -> list[Sample]:
    """Greedy answers to every question, measured.

    Args:
        codec: how conversations become the model's tokens.
        on_done: called with the number of questions answered.
    """
    questions = read_suite(options, base)
    prompts = [encode_prompt(q.messages, codec, where=q.where) for q in questions]
    answers = greedy(policy, prompts, max_new_tokens=options.max_new_tokens, on_done=on_done)
    measure = METRICS[options.metric]
    samples: list[Sample] = []
    for number, (question, tokens) in enumerate(zip(questions, answers, strict=True)):
        answer: str = policy.tokenizer.decode(tokens.tolist(), skip_special_tokens=True).strip()
        samples.append(
            Sample(
                id=str(question.row.get("id", number)),
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
