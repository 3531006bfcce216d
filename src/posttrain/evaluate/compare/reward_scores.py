"""A reward model as the judge of pairs: the answer with the higher score wins."""

import math
from collections.abc import Sequence
from typing import Any

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, OnDone, pair_rewards_of
from posttrain.evaluate.compare.pairs import AnswerPair, Outcome
from posttrain.evaluate.compare.verdicts import PairVerdict
from posttrain.evaluate.questions import Question
from posttrain.statistics.paired import compare_paired


def score_pairs(
    pairs: Sequence[AnswerPair], answerer: Answerer, on_done: OnDone = lambda done: None
) -> list[PairVerdict]:
    """The reward model's verdict on each pair. Identical answers are a tie and are not scored.

    A pair that the model cannot score, such as one too long for it, is not judged.

    Raises:
        InputError: the answerer is no reward model, or every score is 0.
    """
    different = [pair for pair in pairs if not pair.identical]
    scores = pair_rewards_of(answerer, [_question(pair) for pair in different], on_done)
    if different and not any(score for both in scores for score in both):
        raise InputError(f"{answerer.name} gives every answer the score 0; has it a trained scalar head?")
    found = {pair.id: both for pair, both in zip(different, scores, strict=True)}
    return [PairVerdict(pair, "tie") if pair.identical else _verdict(pair, *found[pair.id]) for pair in pairs]


def score_difference(verdicts: Sequence[PairVerdict]) -> dict[str, Any] | None:
    """The mean scores and their paired difference, A - B, over the pairs that were scored; None if there is none."""
    scored = [
        (verdict.pair.cluster, verdict.details["scores"]) for verdict in verdicts if verdict.details.get("scores")
    ]
    if not scored:
        return None
    a, b = ([float(scores[side]) for _, scores in scored] for side in ("A", "B"))
    found = compare_paired(b, a, clusters=[cluster for cluster, _ in scored])
    return {
        **{"a": sum(a) / len(a), "b": sum(b) / len(b), "difference": found.difference, "interval": found.interval},
        **{"n": found.n, "clusters": found.clusters, "p": found.p_two_sided, "test": found.test},
    }


def _question(pair: AnswerPair) -> Question:
    completions = tuple(({"role": "assistant", "content": text},) for text in (pair.a, pair.b))
    return Question(pair.id, pair.where, pair.messages, {"completions": completions, "tools": None})


def _verdict(pair: AnswerPair, a: float, b: float) -> PairVerdict:
    if math.isnan(a) or math.isnan(b):
        return PairVerdict(pair, None, ("no score",), {"scores": None})
    outcome: Outcome = "tie" if a == b else "A" if a > b else "B"
    return PairVerdict(pair, outcome, details={"scores": {"A": a, "B": b}})
