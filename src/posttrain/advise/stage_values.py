"""Values that the stages of several techniques share: policy keys, learning rate and held-out share."""

from collections.abc import Mapping
from typing import Any

from posttrain.advise.rules import THRESHOLDS
from posttrain.policy.options import PolicyOptions


def policy_keys(policy: PolicyOptions) -> dict[str, Any]:
    """The recipe keys that state which weights a stage trains and how; None for keys at their default."""
    lora = None if policy.lora is None else {"rank": policy.lora.rank, "alpha": policy.lora.alpha}
    return {
        "lora": lora,
        "quantization": policy.quantization,
        "gradient_checkpointing": True if policy.gradient_checkpointing is True else None,
    }


def learning_rate(all_weights: float, policy: Mapping[str, Any]) -> float:
    """The learning rate: the one for all weights, or ten times as much for adapters."""
    return float(f"{10 * all_weights:g}") if policy["lora"] else all_weights


def held_out_share(rows: int) -> float:
    """The share of the prompts to hold out: a larger share of fewer rows."""
    return 0.2 if rows < THRESHOLDS.few_rows else 0.1 if rows < 1000 else 0.05
