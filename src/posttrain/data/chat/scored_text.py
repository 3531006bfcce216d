"""Whether a reward model was trained on answers without their reasoning traces; its tokenizer's config records it.

The config is saved with every model, also with an adapter, and other tools ignore keys that they do not know.
"""

from typing import Any

from posttrain.data.options import Reasoning

_KEY = "posttrain_reasoning"


def record_reasoning(tokenizer: Any, reasoning: Reasoning) -> None:
    """Record in the tokenizer's config whether the reward model's rows lost their traces."""
    tokenizer.init_kwargs.pop(_KEY, None)
    if reasoning == "drop":
        tokenizer.init_kwargs[_KEY] = reasoning


def scores_answers_alone(tokenizer: Any) -> bool:
    """Whether the tokenizer is that of a reward model whose rows lost their traces."""
    return tokenizer.init_kwargs.get(_KEY) == "drop"
