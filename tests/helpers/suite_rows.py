"""Suites over rows that a test writes, with a byte model or with fixed answers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from byte_model import save_byte_model
from posttrain.data.chat.renderer import Renderer, renderer_of
from posttrain.data.options import DataOptions
from posttrain.evaluate.answers import Answerer, ModelAnswer, TextLoss
from posttrain.policy.load import Policy, load_policy


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def byte_policy(folder: Path) -> tuple[Policy, Renderer]:
    """A random model over bytes, and its renderer."""
    policy = load_policy(str(save_byte_model(folder / "model")))
    options = DataOptions.model_validate({"data": "x.jsonl"})
    renderer, _ = renderer_of(options, policy.tokenizer, end_tokens=policy.end_tokens, positions=256, base=folder)
    return policy, renderer


def fixed(*answers: str | ModelAnswer) -> Answerer:
    """An answerer without log-probs, which gives these answers, one to each question."""
    groups = [[a if isinstance(a, ModelAnswer) else ModelAnswer(a)] for a in answers]
    return Answerer("the server", generate=lambda questions, options, done: groups)


def choosing(*logprobs: Sequence[float]) -> Answerer:
    """An answerer with these log-probs of choices, one list to each question."""
    losses = [[TextLoss(logp, 1) for logp in one] for one in logprobs]
    return Answerer("the model", choice_logprobs=lambda questions, choices, done: losses)
