"""From a name and the recipe's options to a policy ready to train: loaded, probed, adapted."""

from collections.abc import Callable
from typing import Any

import torch

from posttrain.errors import InputError
from posttrain.policy.device import Placement, place
from posttrain.policy.load import Policy, Task, load_policy, load_tokenizer
from posttrain.policy.lora import adapted_model, adapts_scores, add_lora, merge_adapter
from posttrain.policy.options import PolicyOptions
from posttrain.policy.probe import settle_layout
from posttrain.policy.recompute import allow_recomputing


def open_policy(
    name: str,
    options: PolicyOptions,
    *,
    task: Task = "causal",
    train: bool = True,
    on_note: Callable[[str], None] = lambda sentence: None,
) -> Policy:
    """Load a model folder, an adapter's folder (merged into its base) or a hub id.

    Args:
        train: make it ready to train: adapters if the options ask for them, float32 master weights if not.
        on_note: told what was decided on the way.

    Raises:
        InputError: it cannot be loaded, or the options do not go together.
    """
    if options.quantization is not None and options.lora is None:
        raise InputError("quantization: a 4-bit base cannot be trained itself; add `lora: {}`")
    placement = place(options)
    policy = _load(name, options, placement, task)
    sentence = settle_layout(policy)
    if sentence is not None:
        on_note(sentence)
    if train and options.lora is not None:
        add_lora(policy, options.lora)
    if train and options.gradient_checkpointing:
        allow_recomputing(policy, "always" if options.gradient_checkpointing is True else "long rows")
    return policy


def _load(name: str, options: PolicyOptions, placement: Placement, task: Task) -> Policy:
    settings: dict[str, Any] = {
        "device": placement.device,
        "dtype": placement.frozen if options.lora is not None else torch.float32,
        "autocast": placement.autocast,
        "quantization": options.quantization,
        "trust_remote_code": options.trust_remote_code,
    }
    base = adapted_model(name)
    if base is None:
        return load_policy(name, task=task, **settings)
    scores = adapts_scores(name)
    if scores and task == "causal":
        raise InputError(f"{name}: an adapter that scores and does not write; start from the model it was made of")
    policy = load_policy(base, task="score" if scores else "causal", **settings)
    merge_adapter(policy, name)
    policy.tokenizer = load_tokenizer(name, trust_remote_code=options.trust_remote_code)
    if task == "score" and not scores:
        scored = load_policy(base, task="score", **settings)
        scored.base.base_model.load_state_dict(policy.base.base_model.state_dict())
        scored.tokenizer = policy.tokenizer
        return scored
    return policy
