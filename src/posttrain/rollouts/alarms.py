"""Alarms for the known ways in which on-policy training fails."""

from collections.abc import Iterator, Mapping
from typing import Any

from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.types import Metrics


def alarm_messages(metrics: Metrics, first: Mapping[str, Any], options: AlarmOptions) -> Iterator[str]:
    """Yield a message for each known failure that this rollout shows: KL over budget, long answers, low entropy.

    Args:
        metrics: the rollout's metrics.
        first: the first rollout's metrics; empty if this rollout is the first.
        options: the limits; None switches an alarm off.
    """
    kl = metrics.get("objective/kl")
    if options.max_kl is not None and kl is not None and kl > options.max_kl:
        yield (
            f"KL to the reference is {kl:.3g} nats per completion, above the limit of {options.max_kl:g} (max_kl); "
            "raise beta or lower learning_rate"
        )
    if not first:
        return
    length, first_length = metrics["completions/mean_length"], first["completions/mean_length"]
    assert length is not None
    if options.max_length_growth is not None and length > options.max_length_growth * first_length:
        yield (
            f"length explosion: completions have {length:.0f} tokens on average, {length / first_length:.1f} times as "
            "many as in the first rollout. Check whether a reward grows with length; add a length reward, or raise beta"
        )
    entropy, first_entropy = metrics["entropy"], first["entropy"]
    assert entropy is not None
    if options.min_entropy is not None and entropy < options.min_entropy * first_entropy:
        yield (
            f"entropy collapse: entropy is {entropy:.3g} nats per token, {entropy / first_entropy:.0%} of the first "
            "rollout's. Raise beta or clip_high, or stop earlier"
        )
