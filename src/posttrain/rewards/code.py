"""The reward `code`: 1 where the completion's code passes the row's tests in a sandbox, else 0.

docs/rewards-code.md describes the forms of rows, the part of an answer that is its code, and the rows that do not
apply.
"""

import atexit
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from posttrain.cpus import usable_cpus
from posttrain.errors import InputError
from posttrain.rewards.code_tests import read_tests
from posttrain.rewards.fences import read_blocks
from posttrain.rewards.sandbox.box import Sandbox
from posttrain.rewards.sandbox.checks import FunctionCall, Limits, ProgramCase
from posttrain.rewards.sandbox.launch import find_bubblewrap
from posttrain.rewards.sandbox.solution import Answer
from posttrain.rewards.types import Failed, RewardFn, RewardKind, RewardOptions, Row, Score, attempt, column


class CodeReward(RewardOptions):
    """1 where the completion's code passes the row's tests, else 0."""

    kind: Literal["code"]
    tests: str = Field(default="test", description="column: a suite, asserts, calls, or inputs and outputs")
    entry_point: str | None = Field(
        default="entry_point", description="column: the function's name; null: what the tests call"
    )
    prompt: str | None = Field(default=None, description="column: code that the completion continues (HumanEval)")
    setup: str | None = Field(default=None, description="column: code that the tests need, such as imports")
    output_tolerance: float = Field(
        default=1e-6,
        ge=0,
        allow_inf_nan=False,
        description="difference allowed between decimal numbers in a program's output or a call's value; 0: none",
    )
    sandbox: Literal["bubblewrap", "process-limits"] = Field(
        default="bubblewrap", description="process-limits: no isolation; the code can read this machine's files"
    )
    seconds: int = Field(default=5, ge=1, le=3600, description="processor time of a check; wall time: twice that")
    memory_mib: int = Field(default=512, ge=64, description="address space of a check's process")
    packages: tuple[str, ...] = Field(default=(), description="folders with packages the code may import")
    workers: int | None = Field(default=None, ge=1, description="checks at the same time; default: the number of cores")


def extract_code(completion: str) -> Answer:
    """The completion with its fenced blocks. The code among them is chosen in the sandbox: a model's text can crash
    Python's parser, and with it this process."""
    return Answer(completion, read_blocks(completion))


def code_score(options: CodeReward, box: Sandbox, completion: str, row: Row) -> Score:
    """1 or 0; None where the row's tests are null.

    Raises:
        InputError: the row lacks a column, or its tests are at fault.
    """
    value = column(row, options.tests)
    if value is None:
        return None
    function, tests = read_tests(value)
    program = not isinstance(tests, str) and isinstance(tests[0], ProgramCase)
    entry_point = None if program else function or _text(row, options.entry_point) or None
    if entry_point is None and not isinstance(tests, str) and isinstance(tests[0], FunctionCall):
        raise InputError("the tests call a function that neither they nor the column of `entry_point` name")
    verdict = box.check(
        extract_code(completion),
        tests,
        entry_point=entry_point,
        prompt=_text(row, options.prompt),
        setup="" if program else _text(row, options.setup),
        tolerance=options.output_tolerance,
    )
    return float(verdict.passed)


def make_code_reward(options: CodeReward, base: Path) -> RewardFn:
    """Score in sandboxes, which start with the first batch and end with this process.

    Raises:
        InputError: bubblewrap is missing and the recipe needs it, or a folder of packages is missing.
    """
    if options.sandbox == "bubblewrap":
        find_bubblewrap()
    packages = [base / name for name in options.packages]
    for path in packages:
        if not path.is_dir():
            raise InputError(f"packages: {path} is no folder")
    workers = options.workers or usable_cpus()

    @cache
    def box() -> Sandbox:
        limits = Limits(cpu_seconds=options.seconds, wall_seconds=2.0 * options.seconds, memory_mib=options.memory_mib)
        sandbox = Sandbox(limits, workers, packages=packages, process_limits=options.sandbox == "process-limits")
        atexit.register(sandbox.close)
        return sandbox

    def run(completions: Sequence[str], rows: Sequence[Row]) -> list[Score | Failed]:
        opened = box()

        def score_one(completion: str, row: Row) -> Score | Failed:
            return attempt(partial(code_score, options, opened), completion, row)

        with ThreadPoolExecutor(workers) as threads:
            return list(threads.map(score_one, completions, rows))

    return run


def _text(row: Row, name: str | None) -> str:
    if name is None:
        return ""
    value = column(row, name)
    if value is not None and not isinstance(value, str):
        raise InputError(f"column `{name}` holds {type(value).__name__}, not text")
    return value or ""


REWARDS = (RewardKind(CodeReward, make_code_reward, compares=True, answer_form="program", answer_alone=True),)
