"""Rows of training data from scored candidates. Each row keeps the scores and the writers of its completions.

The columns that begin with ``meta_`` are for people; no trainer reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.candidates.pick_options import PickOptions
from posttrain.candidates.read import Candidate, CandidateGroup
from posttrain.candidates.selection import pick_best, pick_pairs, pick_ranking
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.data.sets.prompts import prompt_column
from posttrain.data.skipped import SkipReason
from posttrain.rewards.types import Score


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """A prompt with scored candidates.

    Args:
        totals: the weighted sum of rewards of each candidate; None if it cannot be compared with the others.
        scores: reward → its unweighted score of each candidate.
    """

    group: CandidateGroup
    totals: tuple[Score, ...]
    scores: Mapping[str, tuple[Score, ...]]


@dataclass(frozen=True, slots=True)
class Picked:
    """The rows of one prompt.

    Args:
        kept: the places of the candidates to learn from: the best ones, the chosen ones, or the ranked ones.
        rejected: the places of the rejected ones of pairs.
        ties: candidates left out because their score equals that of a better placed one.
    """

    rows: list[dict[str, Any]]
    kept: tuple[int, ...]
    rejected: tuple[int, ...]
    ties: int


def picked_rows(scored: ScoredGroup, options: PickOptions) -> Picked | SkipReason:
    """The rows of a prompt, or why it has none."""
    match options.keep:
        case "best":
            best = pick_best(scored.totals, options)
            if isinstance(best, SkipReason):
                return best
            rows = [_row(scored, {"completion": place}) for place in best]
            return Picked(rows, tuple(best), (), _equal_to(scored.totals, best[-1:], best))
        case "pairs":
            pairs = pick_pairs(scored.totals, options)
            if isinstance(pairs, SkipReason):
                return pairs
            rows = [_row(scored, {"chosen": better, "rejected": worse}) for better, worse in pairs]
            ends, used = pairs[-1], [place for pair in pairs for place in pair]
            kept, rejected = zip(*pairs, strict=True)
            return Picked(rows, kept, rejected, _equal_to(scored.totals, ends, used))
        case "rankings":
            ranking = pick_ranking(scored.totals, options)
            if isinstance(ranking, SkipReason):
                return ranking
            row = _ranking_row(scored, ranking)
            return Picked([row], tuple(ranking), (), _equal_to(scored.totals, ranking, ranking))


def _equal_to(totals: Sequence[Score], places: Sequence[int], used: Sequence[int]) -> int:
    """How many unused candidates have the score of one of these places."""
    scores = {totals[place] for place in places}
    return sum(total in scores for place, total in enumerate(totals) if place not in used)


def _row(scored: ScoredGroup, sides: Mapping[str, int]) -> dict[str, Any]:
    """A row with completions.

    Args:
        sides: column → the place of its candidate.
    """
    question = _question(scored.group)
    candidates = {side: scored.group.candidates[place] for side, place in sides.items()}
    as_text = isinstance(question["prompt"], str)
    texts = {side: c.text if as_text else [{"role": "assistant", "content": c.text}] for side, c in candidates.items()}
    about = {side: _about(scored, place) for side, place in sides.items()}
    if list(sides) == ["completion"]:
        (meta,) = about.values()
    else:
        meta = {key: {side: values[key] for side, values in about.items()} for key in next(iter(about.values()))}
    return {**question, **texts, **_counts(scored), **meta}


def _ranking_row(scored: ScoredGroup, ranking: Sequence[int]) -> dict[str, Any]:
    candidates = [
        {**_named(scored.group.candidates[place]), "score": scored.totals[place], "scores": _scores(scored, place)}
        for place in ranking
    ]
    ranks = {candidate["id"]: rank for rank, candidate in enumerate(candidates, 1)}
    return {**_question(scored.group), "candidates": candidates, "ranks": ranks, **_counts(scored)}


def _question(group: CandidateGroup) -> dict[str, Any]:
    """The columns of the prompt that training reads."""
    example = group.example
    question: dict[str, Any] = {"prompt": prompt_column(example.prompt)}
    if example.tools:
        question["tools"] = [dict(tool) for tool in example.tools]
    if example.template_arguments:
        question[ROW_ARGUMENTS] = dict(example.template_arguments)
    names = {"task": example.task, "phrasing": example.phrasing}
    return {**question, **{name: value for name, value in names.items() if value is not None}}


def _counts(scored: ScoredGroup) -> dict[str, Any]:
    name = scored.group.example.row.get("id")
    return {
        **({} if name is None else {"meta_item": name}),
        "meta_candidates": len(scored.totals),
        "meta_scored": sum(total is not None for total in scored.totals),
    }


def _about(scored: ScoredGroup, place: int) -> dict[str, Any]:
    """The scores and the writer of a candidate."""
    candidate = scored.group.candidates[place]
    return {
        "meta_candidate": candidate.id,
        "meta_score": scored.totals[place],
        "meta_scores": _scores(scored, place),
        "meta_model": candidate.model,
        "meta_params_hash": candidate.params_hash,
    }


def _named(candidate: Candidate) -> dict[str, Any]:
    writer = {"model": candidate.model, "params_hash": candidate.params_hash}
    named = {key: value for key, value in writer.items() if value is not None}
    return {"id": candidate.id, "text": candidate.text, **named}


def _scores(scored: ScoredGroup, place: int) -> dict[str, Score]:
    return {name: values[place] for name, values in scored.scores.items()}
