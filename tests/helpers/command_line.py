"""The command line, as tests call it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call left behind: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Posttrain = Callable[..., Answer]
