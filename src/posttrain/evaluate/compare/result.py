"""The result of a comparison by pairs: over all pairs and for each slice, as ``comparison.json`` keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.evaluate.compare.bias import PositionBias, judge_position_bias, longer_answer_wins, problem_counts
from posttrain.evaluate.compare.blind_pairs import Votes, verdicts_of_people
from posttrain.evaluate.compare.length_control import LengthControl, length_controlled
from posttrain.evaluate.compare.pairs import Outcome
from posttrain.evaluate.compare.people_agreement import PeopleAgreement, agreement_with_people
from posttrain.evaluate.compare.verdicts import PairVerdict, WinRate, judged, win_rate
from posttrain.statistics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class PartResult:
    """All pairs, or those of a slice."""

    wins: WinRate
    controlled: LengthControl | None

    def as_json(self) -> dict[str, Any]:
        """The win rate, and the one at equal length."""
        controlled = None if self.controlled is None else self.controlled.as_json()
        return {**self.wins.as_json(), "length_controlled": controlled}


@dataclass(frozen=True, slots=True)
class PairsResult:
    """The result of a comparison by pairs.

    Args:
        longer: how often the longer answer wins; see `longer_answer_wins`.
        problems: why pairs were not judged.
        position: of a judge that saw both orders; None for others.
        people: agreement with people's verdicts; None if there are none. Where people decide, only their agreement with
            each other says something.
        longer_by_people: the same as `longer`, by people's verdicts on these pairs; None where people decide.
    """

    overall: PartResult
    slices: Mapping[str, PartResult]
    longer: Estimate
    problems: Mapping[str, int]
    position: PositionBias | None = None
    people: PeopleAgreement | None = None
    longer_by_people: Estimate | None = None

    def as_json(self) -> dict[str, Any]:
        """The part of ``comparison.json`` that the verdicts decide."""
        result: dict[str, Any] = {
            "overall": self.overall.as_json(),
            "slices": {name: part.as_json() for name, part in self.slices.items()},
            "longer_wins": self.longer.as_json(),
            "problems": dict(self.problems),
        }
        if self.position is not None:
            result |= self.position.as_json()
        if self.people is not None:
            figures = self.people.as_json()
            result["people"] = (
                {name: figures[name] for name in ("among_people", "alpha_of_people")}
                if self.longer_by_people is None
                else {**figures, "longer_wins": self.longer_by_people.as_json()}
            )
        return result


def result_of(
    verdicts: Sequence[PairVerdict],
    *,
    both_orders: bool = False,
    votes: Mapping[str, Votes] | None = None,
    by_people: bool = False,
    seed: int,
) -> PairsResult:
    """The result of verdicts.

    Args:
        both_orders: whether a judge saw each pair in both orders.
        votes: people's verdicts on the same pairs.
        by_people: whether the verdicts are these people's own.
        seed: of bootstrap draws.
    """
    names = list(dict.fromkeys(verdict.pair.slice for verdict in verdicts))
    parts = {
        str(name): _part([verdict for verdict in verdicts if verdict.pair.slice == name], seed)
        for name in (names if len(names) > 1 else ())
    }
    people = longer = None
    if votes is not None:
        outcomes: dict[str, Outcome] = {pair.id: outcome for pair, outcome in judged(verdicts)}
        people = agreement_with_people(outcomes, votes, {verdict.pair.id: verdict.pair.cluster for verdict in verdicts})
        if not by_people:
            longer = longer_answer_wins(verdicts_of_people([verdict.pair for verdict in verdicts], votes))
    return PairsResult(
        _part(verdicts, seed),
        parts,
        longer_answer_wins(verdicts),
        problem_counts(verdicts),
        judge_position_bias(verdicts) if both_orders else None,
        people,
        longer,
    )


def _part(verdicts: Sequence[PairVerdict], seed: int) -> PartResult:
    return PartResult(win_rate(verdicts), length_controlled(verdicts, seed=seed))
