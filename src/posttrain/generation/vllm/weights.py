"""The policy's current weights as a folder that a vLLM server reads: an adapter, or all weights."""

from dataclasses import dataclass
from pathlib import Path

import torch

from posttrain.files import HASHES, hash_of, read_json, seal, whole_folder
from posttrain.policy.load import Policy
from posttrain.policy.lora.merged import merged_weights
from posttrain.policy.save import save_adapter, save_whole

_NOT_SERVED = ("use_dora", "target_parameters", "modules_to_save", "trainable_token_indices", "lora_bias")
"""Keys of peft's configuration for adapters that vLLM does not load."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of one moment.

    Args:
        name: it holds the hash of the tensors, so that equal weights have one name.
        folder: where they are.
        adapter: whether they are an adapter.
    """

    name: str
    folder: Path
    adapter: bool


def servable_adapter(policy: Policy) -> bool:
    """Whether vLLM can load the policy's adapters as one adapter."""
    if policy.whole or not hasattr(policy.model, "peft_config"):
        return False
    configs = [config.to_dict() for config in policy.model.peft_config.values()]
    return all(
        config.get("peft_type") == "LORA"
        and config.get("bias", "none") == "none"
        and not any(config.get(key) for key in _NOT_SERVED)
        for config in configs
    )


def write_weights(policy: Policy, folder: Path, *, adapter: bool) -> Weights:
    """Write the current weights, atomically.

    Args:
        adapter: write the adapter alone; otherwise all weights, with adapters merged into them.
    """
    with whole_folder(folder) as target:
        if adapter:
            save_adapter(policy, target)
        else:
            dtype = policy.autocast or torch.float32
            weights = {name: weight.to("cpu", dtype) for name, weight in merged_weights(policy)}
            save_whole(policy.base, weights, target, str(dtype).removeprefix("torch."))
        seal(target)
    return weights_in(folder, adapter=adapter)


def weights_in(folder: Path, *, adapter: bool) -> Weights:
    """The weights that `write_weights` wrote."""
    hashes = {name: value for name, value in read_json(folder / HASHES).items() if name.endswith(".safetensors")}
    return Weights(f"posttrain-{hash_of(hashes)[:16]}", folder.resolve(), adapter)
