"""A trial of a reward: its verdicts on the rows' reference answers, and the figures that follow from them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from posttrain.rewards.registry import REWARD_KINDS
from posttrain.rewards.types import Failed, NotApplicable


@dataclass(frozen=True, slots=True)
class Tried:
    """A reward's verdict on one row.

    Args:
        reference: the row's reference answer. If it is None, the row has none, and an empty answer was scored. Then
            only the verdict "not applicable" is meaningful.
    """

    where: str
    reference: str | None
    verdict: float | NotApplicable | Failed


@dataclass(frozen=True, slots=True)
class Trial:
    """A reward's verdicts on the rows that it was tried on.

    Args:
        problem: the reason why the reward could not be tried; None if it was tried.
    """

    reward: str
    kind: str
    tried: tuple[Tried, ...] = ()
    problem: str | None = None

    @property
    def compares(self) -> bool:
        """Whether a right answer must score 1. If not, the scale is unknown, and no score is right or wrong."""
        return REWARD_KINDS[self.kind].compares

    @property
    def scores(self) -> list[float]:
        """The scores of reference answers."""
        return [row.verdict for row in self.tried if row.reference is not None and isinstance(row.verdict, float)]

    @property
    def not_applicable(self) -> Counter[str]:
        """Reason → number of rows that the reward does not apply to."""
        return Counter(row.verdict.reason for row in self.tried if isinstance(row.verdict, NotApplicable))

    @property
    def failed(self) -> list[Tried]:
        """The rows on which the reward failed. A user's function that fails on an empty answer does not count."""
        known = (row for row in self.tried if row.reference is not None or not self._is_user_code)
        return [row for row in known if isinstance(row.verdict, Failed)]

    @property
    def wrong(self) -> list[Tried]:
        """The rows whose reference answer scored less than 1."""
        short = (row for row in self.tried if isinstance(row.verdict, float) and row.verdict < 1)
        return [row for row in short if self.compares and row.reference is not None]

    @property
    def unknown(self) -> list[Tried]:
        """The rows without a reference answer, for which the trial shows nothing about the reward."""
        known = (NotApplicable, *([] if self._is_user_code else [Failed]))
        return [row for row in self.tried if row.reference is None and not isinstance(row.verdict, known)]

    @property
    def never_applies(self) -> bool:
        """Whether the reward applies to no row that it was tried on."""
        return bool(self.tried) and self.not_applicable.total() == len(self.tried)

    @property
    def counts(self) -> dict[str, Any]:
        """The counts as JSON; `right` and `wrong` are None if the scale is unknown."""
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

    @property
    def _is_user_code(self) -> bool:
        return REWARD_KINDS[self.kind].user_code
