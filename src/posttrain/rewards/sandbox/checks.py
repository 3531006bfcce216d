"""What a check is made of, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from posttrain.errors import InputError

Kind = Literal["passed", "failed", "error", "timeout", "memory", "output", "refused"]
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
"""What LeetCode imports before a solution; rows that call a function by its name expect the same."""


class BrokenTests(InputError):
    """The tests themselves are at fault, whatever the code."""


class Case(NamedTuple):
    """A test of a program: what it reads and what it should write."""

    stdin: str
    stdout: str


class Call(NamedTuple):
    """A test of a function: its arguments, and the values any of which is right, as JSON has them."""

    arguments: list[Any]
    wanted: tuple[Any, ...]


Tests = str | Sequence[str] | Sequence[Case] | Sequence[Call]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the tested code may use.

    Args:
        cpu_seconds: processor time of a process.
        wall_seconds: of a check; of each case of a program. Wide, so that a busy machine does not decide.
        memory_mib: address space of a process.
        files_mib: what it may write in its work folder.
        output_kib: what it may write to standard output and error together; also the longest value that crosses.
        open_files: at once.
        threads: at once; processes there are none.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory_mib: int = 512
    files_mib: int = 16
    output_kib: int = 1024
    open_files: int = 64
    threads: int = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Args:
        kind: `failed`: a test did not hold. `error`: the code raised, ended itself, or lacks the function.
            `refused`: a value that cannot cross. Others: the limit that was passed.
        detail: for people; written in part by the tested code.
        seconds: wall time of the check.
    """

    kind: Kind
    detail: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all tests held."""
        return self.kind == "passed"
