"""Saves a policy as a folder that transformers, or peft for an adapter, loads directly."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from posttrain.core.group import Group
from posttrain.files import read_json, whole_folder, write_json
from posttrain.policy.forward import VALUE_TRUNK
from posttrain.policy.load import Policy
from posttrain.policy.lora.adapters import has_earlier
from posttrain.policy.lora.stacked import stacked
from posttrain.policy.pad_token import settle_padding
from posttrain.policy.value_head import VALUE_HEAD
from posttrain.policy.verify import check_folder_gives, comparable, values_in_memory


def save_policy(
    policy: Policy,
    folder: Path,
    *,
    dtype: str = "float32",
    shard_size: str | None = None,
    chat_template: str | None = None,
    verify_on: Sequence[Group] = (),
    trust_remote_code: bool = False,
    weights: Mapping[str, Tensor] | None = None,
    on_note: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Write model, tokenizer, chat template and generation config, atomically.

    An adapter is written in PEFT's format and names its base. An earlier adapter and the trained one become one. An
    adapter whose base is in no folder (`Policy.whole`) is merged into it, in the policy too. The generation config
    stops on the tokens that ended answers in training.

    Args:
        dtype: the dtype of the saved weights; an adapter always has float32.
        shard_size: the largest file of weights, such as "5GB"; None for transformers' default.
        chat_template: the template of training, if it is not the tokenizer's template.
        verify_on: groups for which the folder, loaded by transformers, must give the same log-probs (or scores) as the
            policy. The policy's weights are freed for that.
        weights: all weights, if the policy itself holds them in shards.
        on_note: called with each sentence that a user of the folder should know.

    Raises:
        RunError: the folder gives other values; it is then deleted.
    """
    if policy.task == "score":
        settle_padding(policy)
        if policy.base.config.pad_token_id is None:
            on_note("the tokenizer has no pad token, so other tools can score only one text at a time with this model")
    generation = policy.base.generation_config if policy.task == "causal" else None
    if generation is not None:
        generation.eos_token_id = list(policy.end_tokens)
    if chat_template is not None:
        policy.tokenizer.chat_template = chat_template
    groups = comparable(verify_on)
    if groups and _is_loftq(policy):
        on_note(
            "LoftQ's adapter is saved for the base in full precision, so it is not compared with the trained model, "
            "whose base is in 4 bits; measure the folder with posttrain eval"
        )
        groups = []
    expected = values_in_memory(policy, groups) if groups else None
    if policy.whole:
        policy.model, policy.whole = policy.model.merge_and_unload(), False
    with whole_folder(folder) as target:
        adapter = hasattr(policy.model, "get_base_model")
        if adapter:
            save_adapter(policy, target)
            if generation is not None:
                generation.save_pretrained(target)
        else:
            save_whole(policy.model, weights or policy.model.state_dict(), target, dtype, shard_size)
        policy.tokenizer.save_pretrained(target)
        if expected is not None:
            saved = "float32" if adapter else dtype
            check_folder_gives(
                target,
                expected,
                groups,
                policy,
                saved=saved,
                trust_remote_code=trust_remote_code,
                on_note=on_note,
            )


def _is_loftq(policy: Policy) -> bool:
    """Whether the saved adapter leaves out the errors of a quantized base, which the trained one makes up for."""
    quantized = getattr(policy.base.config, "quantization_config", None) is not None
    return quantized and policy.start is not None and policy.start.subtracted


def save_whole(
    model: Any, weights: Mapping[str, Tensor], target: Path, dtype: str, shard_size: str | None = None
) -> None:
    """Write a model's configuration and these weights, without a value head, as transformers does.

    Args:
        model: a transformers model, whose own weights do not matter.
        dtype: the dtype of the saved weights.
    """
    wanted = getattr(torch, dtype)
    state = {
        name: tensor.to(wanted) if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
        if not name.startswith((VALUE_HEAD, VALUE_TRUNK))
    }
    model.save_pretrained(target, state_dict=state, **({} if shard_size is None else {"max_shard_size": shard_size}))
    config = read_json(target / "config.json")
    write_json(target / "config.json", {**config, "dtype": dtype})


def save_adapter(policy: Policy, target: Path) -> None:
    """Write the policy's adapters as one adapter, in peft's format."""
    changed_base = policy.start is not None and policy.start.subtracted
    if not has_earlier(policy) and not changed_base:
        # Names and values without `state_dict`, which would put weights in shards again on this rank alone.
        policy.model.save_pretrained(target, safe_serialization=True, state_dict=dict(policy.model.named_parameters()))
        (target / "README.md").unlink(missing_ok=True)  # peft's empty template; the run writes a card with evidence
    else:
        config, tensors = stacked(policy)
        config.save_pretrained(str(target))
        save_file(tensors, target / "adapter_model.safetensors", metadata={"format": "pt"})
    _sort_targets(target / "adapter_config.json")


def _sort_targets(path: Path) -> None:
    """Sort the layers' names in an adapter's configuration: peft holds a set, whose order differs between processes."""
    config = read_json(path)
    names = {
        key: sorted(config[key]) for key in ("target_modules", "exclude_modules") if isinstance(config.get(key), list)
    }
    write_json(path, {**config, **names})
