"""Reward 1 for code that passes its row's tests, else 0: run in a sandbox (`sandbox.py`).

Rows as known data sets have them:

- HumanEval: ``prompt: prompt, tests: test, entry_point: entry_point``; the suite defines ``check(candidate)``;
- MBPP: ``tests: test_list, entry_point: null, setup: test_setup_code``; a list of ``assert`` lines;
- APPS and the like: ``tests: input_output``; ``{"inputs": [...], "outputs": [...]}``, also as JSON text, or a list of
  ``{"input": ..., "output": ...}``; the completion is a program.
"""

import ast
import atexit
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from posttrain.errors import InputError
from posttrain.rewards.sandbox.box import Case, Limits, Sandbox, cores
from posttrain.rewards.sandbox.launch import find_bubblewrap
from posttrain.rewards.types import Batch, Failed, RewardOptions, Row, Score, attempt, column

FENCE = re.compile(r"^[ \t]*```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL | re.I)


class CodeReward(RewardOptions):
    """1 where the completion's code passes the row's tests, else 0."""

    kind: Literal["code"]
    tests: str = Field(default="test", description="column: a suite, a list of asserts, or inputs and outputs")
    entry_point: str | None = Field(
        default="entry_point", description="column: the function's name; null: what the tests call"
    )
    prompt: str | None = Field(default=None, description="column: code that the completion continues (HumanEval)")
    setup: str | None = Field(default=None, description="column: code that the tests need, such as imports")
    sandbox: Literal["bubblewrap", "process-limits"] = Field(
        default="bubblewrap", description="process-limits: without isolation; the code can read this machine's files"
    )
    seconds: int = Field(default=5, ge=1, le=3600, description="processor time of a check; wall time is twice it")
    memory_mib: int = Field(default=512, ge=64, description="address space of a check's process")
    packages: tuple[str, ...] = Field(default=(), description="folders with packages the code may import")
    workers: int | None = Field(default=None, ge=1, description="checks at once; default: the cores")


def extract_code(completion: str) -> str:
    """The last fenced block, which may lack its end; without a fence, all of it."""
    blocks = FENCE.findall(completion)
    return blocks[-1] if blocks else completion


def defines(code: str, name: str) -> bool:
    """Whether a line at the margin begins a function or class of that name. (Not parsed: Python's parser, given what
    a model wrote, can take this process down.)"""
    return re.search(rf"^(async[ \t]+def|def|class)[ \t]+{re.escape(name)}\b", code, re.MULTILINE) is not None


def complete(prompt: str, code: str, entry_point: str | None) -> str:
    """The program of a prompt with code and its completion, which may say the function anew or go on with its body."""
    if entry_point is not None and defines(code, entry_point):
        return f"{prompt}\n\n{code}" if _parsed(prompt) is not None else code
    return prompt + code


def read_tests(value: Any) -> str | list[str] | list[Case]:
    """A row's tests.

    Raises:
        InputError: they are of no known form, or none.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, Mapping) and {"inputs", "outputs"} <= set(value):
        return _cases(zip(value["inputs"], value["outputs"], strict=True))
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(test, str) for test in value):
            return list(value)
        if all(isinstance(test, Mapping) and {"input", "output"} <= set(test) for test in value):
            return _cases((test["input"], test["output"]) for test in value)
    raise InputError(
        "the tests are neither text (a suite), a list of asserts, nor inputs with outputs, or there are none: "
        f"{str(value)[:80]!r}"
    )


def score(options: CodeReward, box: Sandbox, completion: str, row: Row) -> Score:
    """1 or 0; None where the row's tests are null.

    Raises:
        InputError: the row lacks a column, or its tests are at fault.
    """
    wanted = column(row, options.tests)
    if wanted is None:
        return None
    tests = read_tests(wanted)
    code = extract_code(completion)
    given = _text(row, options.setup)
    if isinstance(tests, list) and isinstance(tests[0], Case):
        return float(box.check(_text(row, options.prompt) + code, tests).passed)
    entry_point = _text(row, options.entry_point) or None
    if options.prompt:
        prompt = _text(row, options.prompt)
        code = complete(prompt, code, entry_point)
        if _parsed(prompt) is not None:  # helpers beside the function are the tests' too, in the row's own version
            given = f"{prompt}\n{given}"
    return float(box.check(code, tests, entry_point=entry_point, given=given).passed)


def build(options: CodeReward, base: Path) -> Batch:
    """The reward; its sandboxes start with the first batch and end with the process.

    Raises:
        InputError: bubblewrap is missing and the recipe does not do without.
    """
    if options.sandbox == "bubblewrap":
        find_bubblewrap()
    packages = [base / name for name in options.packages]
    for path in packages:
        if not path.is_dir():
            raise InputError(f"packages: {path} is no folder")
    workers = options.workers or cores()

    @cache
    def box() -> Sandbox:
        limits = Limits(cpu_seconds=options.seconds, wall_seconds=2.0 * options.seconds, memory_mib=options.memory_mib)
        made = Sandbox(limits, workers, packages=packages, process_limits=options.sandbox == "process-limits")
        atexit.register(made.close)
        return made

    def run(completions: Sequence[str], rows: Sequence[Row]) -> list[Score | Failed]:
        opened = box()

        def one(completion: str, row: Row) -> Score | Failed:
            return attempt(partial(score, options, opened), completion, row)

        with ThreadPoolExecutor(workers) as threads:
            return list(threads.map(one, completions, rows))

    return run


def _cases(pairs: Any) -> list[Case]:
    cases = [Case(_lines(stdin), _lines(stdout)) for stdin, stdout in pairs]
    if not cases:
        raise InputError("the row has no inputs and outputs")
    return cases


def _lines(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _text(row: Row, name: str | None) -> str:
    if name is None:
        return ""
    value = column(row, name)
    if value is not None and not isinstance(value, str):
        raise InputError(f"column `{name}` holds {type(value).__name__}, not text")
    return value or ""
