"""The parts of a check: its tests, its limits and its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from posttrain.errors import InputError

ResultKind = Literal["passed", "failed", "error", "timeout", "memory", "output", "refused"]
PRELUDE = """
from typing import *
from collections import *
from itertools import *
from functools import *
from heapq import *
from bisect import *
from math import *
import bisect, collections, functools, heapq, itertools, math, operator, random, re, string, sys
"""
"""Imports that LeetCode makes before a solution; rows that call a function by its name rely on them."""


class BrokenTests(InputError):
    """The tests themselves are broken, whatever the code is."""


class ProgramCase(NamedTuple):
    """A test of a program: its input and its right output."""

    stdin: str
    stdout: str


class FunctionCall(NamedTuple):
    """A test of a function: its arguments, and the right values, any of which passes; all are JSON values."""

    arguments: list[Any]
    wanted: tuple[Any, ...]


Tests = str | Sequence[str] | Sequence[ProgramCase] | Sequence[FunctionCall]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the tested code.

    Args:
        cpu_seconds: processor time of a process.
        wall_seconds: wall time of a check, or of each case of a program. It is wide, so that a busy machine does not
            change verdicts.
        memory_mib: address space of a process.
        files_mib: size of the files in its work folder.
        output_kib: size of standard output and error together; also the size of the largest value that crosses.
        open_files: number of open files.
        threads: number of threads; it may start no process.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory_mib: int = 512
    files_mib: int = 16
    output_kib: int = 1024
    open_files: int = 64
    threads: int = 32


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check.

    Args:
        kind: `failed`: a test failed. `error`: the code raised an exception, ended itself, or lacks the function.
            `refused`: the code gave a value that cannot cross. Others: the limit that was exceeded.
        detail: a text for people; the tested code writes part of it.
        seconds: wall time of the check.
    """

    kind: ResultKind
    detail: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all tests passed."""
        return self.kind == "passed"
