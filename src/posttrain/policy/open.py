"""Opens a policy from a name and the recipe's options: loads it, probes it, and adds adapters."""

from collections.abc import Callable
from typing import Any

import torch

from posttrain.errors import InputError
from posttrain.policy.device import Placement, place
from posttrain.policy.gradient_checkpointing import allow_recomputing
from posttrain.policy.load import Policy, Task, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.lora.attach import attach, continue_adapter
from posttrain.policy.lora.folder import AdapterFolder, adapter_in
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.probe import settle_layout
from posttrain.ranks.group import local_size, size


def open_policy(
    name: str,
    options: PolicyOptions,
    *,
    task: Task = "causal",
    train: bool = True,
    seed: int = 0,
    on_note: Callable[[str], None] = lambda sentence: None,
) -> Policy:
    """Load a model folder, an adapter's folder or a hub id.

    An adapter is merged into its base, whose weights can then be trained. With `lora` in the options it stays apart,
    frozen, and a new adapter is trained beside it, unless `lora.earlier` has another value.

    Args:
        train: whether to prepare it for training: with adapters if the options have `lora`, else with float32 weights.
        seed: the seed of the initial values of a new adapter and of a new scalar head.
        on_note: called with a sentence for each decision that a user should know.

    Raises:
        InputError: it cannot be loaded, or the options contradict each other.
    """
    if options.quantization is not None and options.lora is None:
        raise InputError("quantization: the weights of a 4-bit base cannot be trained; add `lora: {}`")
    placement, adapter = place(options), adapter_in(name)
    lora = options.lora if train else None
    policy = _load(name, adapter, options, placement, task, lora, seed if train else None)
    if policy.left_over:
        on_note(
            f"the model's folder holds {len(policy.left_over)} tensors that {type(policy.base).__name__} does not use "
            f"({policy.left_over[0]}...); they are neither trained nor saved"
        )
    sentence = settle_layout(policy)
    if sentence is not None:
        on_note(sentence)
    if train and options.in_shards and size() > 1:
        if adapter is not None:
            raise InputError(
                f"parallel: {options.parallel} needs a complete model to start from, and {name} is an adapter; set "
                "`parallel: replicate`, or start from a stage with `lora.earlier: merge`"
            )
        from posttrain.policy.fsdp import shard_policy

        shard_policy(policy, size(), local_size() if options.parallel == "hybrid" else size())
    if lora is not None:
        _adapt(policy, lora, name, adapter, seed)
    if train and options.gradient_checkpointing:
        allow_recomputing(policy, "always" if options.gradient_checkpointing is True else "long rows")
    return policy


def _load(
    name: str,
    adapter: AdapterFolder | None,
    options: PolicyOptions,
    placement: Placement,
    task: Task,
    lora: LoraOptions | None,
    seed: int | None,
) -> Policy:
    """The model, with its own adapter as the options want it."""
    changed = lora is not None and (lora.earlier == "merge" or lora.start == "pissa")
    settings: dict[str, Any] = {
        "device": placement.device,
        "dtype": placement.frozen if options.lora is not None and not changed else torch.float32,
        "autocast": placement.autocast,
        "quantization": options.quantization,
        "trust_remote_code": options.trust_remote_code,
        "seed": seed,
    }
    if adapter is None:
        if lora is not None and lora.earlier != "stack":
            raise InputError(
                f"lora.earlier: {lora.earlier} needs an adapter to start from, and {name} is a complete model; remove "
                "`earlier`"
            )
        return load_policy(name, task=task, **settings)
    if adapter.scores and task == "causal":
        raise InputError(
            f"{name}: a reward model's adapter cannot generate text; start from the model that it was trained from"
        )
    policy = load_policy(adapter.base, task=task, tokenizer_from=name, **settings)
    if lora is not None and lora.earlier == "continue":
        continue_adapter(policy, adapter)
    else:
        merge = options.lora is None or (lora is not None and lora.earlier == "merge")
        attach(policy, adapter, merge=merge)
        policy.whole = merge and lora is not None
    return policy


def _adapt(policy: Policy, lora: LoraOptions, name: str, adapter: AdapterFolder | None, seed: int) -> None:
    """Add the adapter to train, unless it is that of the start model."""
    policy.plus_ratio = lora.plus_ratio
    if lora.earlier == "continue":
        return
    add_lora(policy, lora, seed=seed)
    if lora.start == "loftq":
        from posttrain.policy.lora.loftq import start_from_error

        start_from_error(policy, load_policy(adapter.base if adapter else name, task=policy.task, padded=True).base)
