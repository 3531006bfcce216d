"""The suite `instructions`: verifiable instructions, strict and loose, as in IFEval (arXiv:2311.07911)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from posttrain.evaluate.answers import Answerer, OnDone, answers_of
from posttrain.evaluate.measures import Statistic, SuiteMeasure, mean_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question, read_questions
from posttrain.evaluate.sample import Sample, Values, sample_of
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.rewards.instructions.instruction import VerifiableInstruction
from posttrain.rewards.instructions.reward import instructions_kept
from posttrain.rewards.instructions.table import instructions_of
from posttrain.statistics.estimate import Measure as IndexMeasure

MODES = ("strict", "loose")
"""How an answer is read: as it is, or also without its first line, its last line and asterisks."""


class InstructionsSuite(SuiteOptions):
    """Verifiable instructions: rows have `metadata.instructions`, or IFEval's `instruction_id_list` and `kwargs`."""

    kind: Literal["instructions"]


def read_instructions_suite(options: InstructionsSuite, base: Path) -> list[Question]:
    """The requests.

    Raises:
        InputError: see `read_questions`; or the instructions of a row are missing, unknown or incomplete.
    """
    return read_questions(options, base, lambda question: instructions_of(question.row))


def run_instructions_suite(
    options: InstructionsSuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """Answer the requests, and check each instruction."""
    answers = answers_of(answerer, questions, options, done)
    repeated = [(question, repeat) for question in questions for repeat in range(options.samples)]
    return [
        sample_of(question, answer, repeat, instruction_values(answer.final, instructions_of(question.row)))
        for (question, repeat), answer in zip(repeated, answers, strict=True)
    ]


def instruction_values(answer: str, instructions: Sequence[VerifiableInstruction]) -> Values:
    """Of an answer, strict and loose: whether it keeps all instructions, how many, and the share of each type."""
    values: dict[str, float | None] = {"instructions": float(len(instructions))}
    types = [one.type_name for one in instructions]
    for mode in MODES:
        kept = instructions_kept(answer, instructions, loose=mode == "loose")
        values[f"prompt_{mode}"] = float(all(kept))
        values[f"kept_{mode}"] = float(sum(kept))
        for name in dict.fromkeys(types):
            own = [keeps for keeps, type_name in zip(kept, types, strict=True) if type_name == name]
            values[f"{mode} {name}"] = sum(own) / len(own)
    return values


def instructions_measures(options: InstructionsSuite) -> Sequence[SuiteMeasure]:
    """The share of prompts of which all instructions are kept, and the share of instructions; strict and loose."""
    return (
        mean_of("prompt_strict"),
        SuiteMeasure("instruction_strict", "higher", statistic=_share_of_all("kept_strict")),
        mean_of("prompt_loose"),
        SuiteMeasure("instruction_loose", "higher", statistic=_share_of_all("kept_loose")),
    )


def _share_of_all(name: str) -> Statistic:
    """Kept instructions as a share of all instructions of the answers."""

    def statistic(samples: Sequence[Sample]) -> IndexMeasure:
        kept_N, all_N = (np.array([float(s.values[key] or 0) for s in samples]) for key in (name, "instructions"))
        return lambda picked: float(kept_N[picked].sum() / all_N[picked].sum())

    return statistic


class TypeLine(NamedTuple):
    """An instruction type in a report.

    Args:
        type_name: such as ``punctuation:no_comma``.
        answers: the number of answers to requests with this type.
        strict, loose: the share that keeps it.
    """

    type_name: str
    answers: int
    strict: float
    loose: float


def type_table(samples: Sequence[Sample]) -> list[TypeLine]:
    """Each instruction type, by name."""
    names = sorted({key.removeprefix("strict ") for s in samples for key in s.values if key.startswith("strict ")})

    def line(name: str) -> TypeLine:
        strict, loose = ([v for s in samples if (v := s.values.get(f"{mode} {name}")) is not None] for mode in MODES)
        return TypeLine(name, len(strict), float(np.mean(strict)), float(np.mean(loose)))

    return [line(name) for name in names]


SUITES = (SuiteKind(InstructionsSuite, read_instructions_suite, run_instructions_suite, instructions_measures),)
