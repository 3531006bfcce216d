"""What a reward says of a row's own answer, and what that tells about the reward."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from posttrain.rewards.types import Failed, NotApplicable

_COMPARE = frozenset({"math", "match", "json_fields", "code"})
"""Kinds that compare with the row, so that a right answer must get 1."""

_USER_CODE = frozenset({"python", "registered"})
"""Kinds whose function the user wrote. It may fail on an empty answer, which shows no error of the row."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A reward's verdict on one row.

    Args:
        reference: the row's own answer; None where there is none, and an empty one was tried: then only a verdict
            that the reward does not apply says something.
    """

    where: str
    reference: str | None
    verdict: float | NotApplicable | Failed


@dataclass(frozen=True, slots=True)
class Trial:
    """A reward's verdicts on the rows it was tried on.

    Args:
        problem: why the reward could not be tried at all.
    """

    reward: str
    kind: str
    tried: tuple[Tried, ...] = ()
    problem: str | None = None

    @property
    def compares(self) -> bool:
        """Whether a right answer must get 1. Otherwise the scale is not known, and no score is right or wrong."""
        return self.kind in _COMPARE

    @property
    def scores(self) -> list[float]:
        """Numbers that reference answers got."""
        return [one.verdict for one in self.tried if one.reference is not None and isinstance(one.verdict, float)]

    @property
    def not_applicable(self) -> Counter[str]:
        """Reason → rows."""
        return Counter(one.verdict.reason for one in self.tried if isinstance(one.verdict, NotApplicable))

    @property
    def failed(self) -> list[Tried]:
        """Rows that made it fail. A function of the user's may well fail on an empty answer, which says nothing."""
        known = (one for one in self.tried if one.reference is not None or self.kind not in _USER_CODE)
        return [one for one in known if isinstance(one.verdict, Failed)]

    @property
    def wrong(self) -> list[Tried]:
        """Reference answers that got less than the full score."""
        short = (one for one in self.tried if isinstance(one.verdict, float) and one.verdict < 1)
        return [one for one in short if self.compares and one.reference is not None]

    @property
    def unknown(self) -> list[Tried]:
        """Rows without a reference answer, on which the reward can only be tried in a run."""
        known = (NotApplicable, *([] if self.kind in _USER_CODE else [Failed]))
        return [one for one in self.tried if one.reference is None and not isinstance(one.verdict, known)]

    @property
    def never_applies(self) -> bool:
        """Whether it gave no number to any row."""
        return bool(self.tried) and self.not_applicable.total() == len(self.tried)

    @property
    def counts(self) -> dict[str, Any]:
        """For a machine to read; `right` and `wrong` are None where the scale is not known."""
        return {
            "reward": self.reward,
            "rows": len(self.tried),
            "right": len(self.scores) - len(self.wrong) if self.compares else None,
            "wrong": len(self.wrong) if self.compares else None,
            "not_applicable": dict(self.not_applicable),
            "failed": len(self.failed),
            "no_reference": len(self.unknown),
            "problem": self.problem,
        }
