"""Pairs of answers, and judges behind a real server that decide by a rule."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from http_server import Endpoint, Reply, completion
from posttrain.evaluate.compare.pairs import AnswerPair, Outcome
from posttrain.evaluate.compare.verdicts import PairVerdict

_SHOWN = re.compile(r"\[Answer (\d) (\w+)\]\n(.*?)\n\[End of answer \1 \2\]", re.DOTALL)


def pair_of(number: int, a: str, b: str, *, slice: str | None = None, group: str | None = None) -> AnswerPair:
    messages = ({"role": "user", "content": f"Question {number}"},)
    return AnswerPair(str(number), f"prompts.jsonl:{number + 1}", messages, slice, group, a, b)


def random_pairs(n: int, seed: int = 0) -> list[AnswerPair]:
    """Answers of random lengths; those of model A are longer by a third."""
    rng = np.random.default_rng(seed)
    return [pair_of(i, "a" * int(rng.integers(30, 120)), "b" * int(rng.integers(20, 90))) for i in range(n)]


def verdicts(outcomes: Sequence[Outcome | None], **more: Any) -> list[PairVerdict]:
    return [PairVerdict(pair_of(i, "one", "two", **more), outcome) for i, outcome in enumerate(outcomes)]


def deciding(rule: Callable[[str, str], str]) -> Reply:
    """A judge that decides by a rule of the two answers, in the order in which it sees them."""

    def step(endpoint: Endpoint, body: dict[str, Any]) -> None:
        first, second = (match[2] for match in _SHOWN.findall(body["messages"][0]["content"]))
        endpoint.reply(200, completion(f"Both were read.\nVerdict: {rule(first, second)}"))

    return step


def prefers_first(first: str, second: str) -> str:
    return "1"


def prefers_longer(first: str, second: str) -> str:
    return "tie" if len(first) == len(second) else "1" if len(first) > len(second) else "2"
