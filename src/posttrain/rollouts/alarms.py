"""Alarms for the known ways in which on-policy training fails."""

from collections.abc import Iterator, Mapping
from typing import Any

from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.types import Metrics


def alarm_messages(now: Metrics, first: Mapping[str, Any], options: AlarmOptions) -> Iterator[str]:
    """Yield a message for each known failure that this rollout shows: KL over budget, long answers, low entropy.

    Args:
        now: the rollout's metrics.
        first: the first rollout's metrics; empty if this rollout is the first.
        options: the limits; None switches an alarm off.
    """
    kl = now.get("objective/kl")
    if options.max_kl is not None and kl is not None and kl > options.max_kl:
        yield (
            f"KL to the reference is {kl:.3g} nats a completion, over the budget of {options.max_kl:g} (max_kl): "
            "raise beta or lower learning_rate"
        )
    if not first:
        return
    length, short = now["completions/mean_length"], first["completions/mean_length"]
    assert length is not None
    if options.max_length_growth is not None and length > options.max_length_growth * short:
        yield (
            f"completions have {length:.0f} tokens, {length / short:.1f} times the first rollout's: length explosion. "
            "Does the reward pay for length? Add a length reward, or raise beta"
        )
    entropy, open_ = now["entropy"], first["entropy"]
    assert entropy is not None
    if options.min_entropy is not None and entropy < options.min_entropy * open_:
        yield (
            f"entropy is {entropy:.3g} nats a token, {entropy / open_:.0%} of the first rollout's: collapse. "
            "Raise beta or clip_high, or stop earlier"
        )
