"""Blind pairs for people: a ranking file without the models' names, and the key that names them.

The order of each pair is random. The key is needed to read the ranks; keep it from the people who rank.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from posttrain.errors import InputError
from posttrain.evaluate.compare.pairs import AnswerPair, Outcome, Side
from posttrain.evaluate.compare.verdicts import PairVerdict

Votes = Mapping[str, Outcome]
"""Person → their verdict on a pair."""


def blind_rows(pairs: Sequence[AnswerPair], seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of the ranking file, and those of the key.

    Identical answers are a tie without people: they are in the key alone.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    keys: list[dict[str, Any]] = []
    for pair, flip in zip(pairs, rng.random(len(pairs)) < 0.5, strict=True):
        order: tuple[Side, Side] = ("B", "A") if flip else ("A", "B")
        keys.append(
            {
                **{"id": pair.id, "slice": pair.slice, "group_id": pair.group, "where": pair.where},
                **{"prompt": [dict(m) for m in pair.messages], "answer_a": pair.a, "answer_b": pair.b, "order": order},
            }
        )
        if not pair.identical:
            candidates = [{"id": str(place), "text": pair.answer(side)} for place, side in enumerate(order, 1)]
            prompt = pair.question if len(pair.messages) == 1 else [dict(m) for m in pair.messages]
            part = {} if pair.slice is None else {"slice": pair.slice}
            rows.append({"id": pair.id, "prompt": prompt, "candidates": candidates, **part})
    return rows, keys


def pairs_of_key(keys: Iterable[Mapping[str, Any]]) -> list[AnswerPair]:
    """The pairs that `blind_rows` made the key of."""
    return [
        AnswerPair(
            *(key["id"], key["where"], tuple(key["prompt"]), key["slice"], key["group_id"]),
            *(key["answer_a"], key["answer_b"]),
        )
        for key in keys
    ]


def vote_of(pair: AnswerPair, texts: Mapping[str, str], ranks: Mapping[str, float], where: str) -> Outcome:
    """A person's verdict on a pair from their ranks of two candidates.

    Args:
        texts: candidate → its text, which names the model.
        ranks: candidate → rank; 1 is best.

    Raises:
        InputError: the candidates are not the two answers of the pair.
    """
    sides: dict[Side, float] = {}
    for name, text in texts.items():
        if text == pair.a:
            sides["A"] = ranks[name]
        elif text == pair.b:
            sides["B"] = ranks[name]
    if len(texts) != 2 or len(sides) != 2:
        raise InputError(
            f"{where}: the candidates of {pair.id!r} are not the answers that are compared; is this file of another "
            "comparison?"
        )
    return "tie" if sides["A"] == sides["B"] else "A" if sides["A"] < sides["B"] else "B"


def plurality(votes: Votes) -> Outcome:
    """The verdict that most people gave; a tie if two verdicts are given equally often."""
    (first, count), *rest = Counter(votes.values()).most_common()
    return "tie" if rest and rest[0][1] == count else first


def verdicts_of_people(pairs: Sequence[AnswerPair], votes: Mapping[str, Votes]) -> list[PairVerdict]:
    """The verdict of most people on each pair; a pair that nobody ranked is not judged."""
    return [_verdict(pair, votes.get(pair.id, {})) for pair in pairs]


def _verdict(pair: AnswerPair, votes: Votes) -> PairVerdict:
    details = {"votes": dict(votes)}
    if pair.identical:
        return PairVerdict(pair, "tie", details=details)
    return PairVerdict(pair, plurality(votes), (), details) if votes else PairVerdict(pair, None, ("not ranked",))
