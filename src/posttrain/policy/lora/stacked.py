"""Two adapters become one: the frozen adapter that a stage started from, and the adapter that it trained.

``B2 A2 + B1 A1`` is the product of ``[B1 B2]`` and ``[A1; A2]``: a LoRA update whose rank is the sum of both. The same
holds for a difference: an adapter whose first values are not zero on a changed base (PiSSA, LoftQ) becomes
``B A - B0 A0`` on the original base (Meng et al. 2024, arXiv:2404.02948, appendix on converting PiSSA to LoRA).

Legend: ``R`` rank, ``I`` and ``O`` a layer's input and output width.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from posttrain.policy.load import Policy
from posttrain.policy.lora.adapters import EARLIER, TRAINED

_PREFIX = "base_model.model."
"""peft's prefix of the names of the base's modules."""


def stacked(policy: Policy) -> tuple[Any, dict[str, Tensor]]:
    """peft's configuration and tensors for the sum of a policy's adapters, less the trained one's first values.

    Every layer has the same rank and scale 1, with zeros if only one of the two adapts it. Tools that expect one
    rank and one alpha per adapter can therefore read it.

    Returns:
        a ``LoraConfig``, and the tensors by their names in peft's file.
    """
    import peft

    layers = {name: m for name, m in policy.base.named_modules() if isinstance(m, peft.tuners.lora.LoraLayer)}
    first = policy.start.values if policy.start is not None and policy.start.subtracted else {}
    pairs = {name: _pair(layer, f"{_PREFIX}{name}", first) for name, layer in layers.items()}
    rank = max(a_RI.shape[0] for _, a_RI, _ in pairs.values())
    tensors: dict[str, Tensor] = {}
    for name, (suffixes, a_RI, b_OR) in pairs.items():
        missing = rank - a_RI.shape[0]
        tensors[f"{_PREFIX}{name}.{suffixes[0]}"] = torch.nn.functional.pad(a_RI, (0, 0, 0, missing))
        tensors[f"{_PREFIX}{name}.{suffixes[1]}"] = torch.nn.functional.pad(b_OR, (0, missing))
    configs = [c for name, c in policy.model.peft_config.items() if name in (EARLIER, TRAINED)]
    whole = sorted({name for config in configs for name in config.modules_to_save or ()})
    tensors |= _whole(policy, whole)
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=rank,
        target_modules=_targets(policy, set(layers)),
        modules_to_save=whole or None,
        task_type="SEQ_CLS" if policy.task == "score" else "CAUSAL_LM",
        base_model_name_or_path=configs[0].base_model_name_or_path,
        fan_in_fan_out=configs[-1].fan_in_fan_out,
        inference_mode=True,
    )
    return config, {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _pair(layer: Any, path: str, start: Mapping[str, Tensor]) -> tuple[tuple[str, str], Tensor, Tensor]:
    """The names of a layer's two matrices, and the concatenated matrices of its adapters, in float32.

    Args:
        path: the layer's name in the PEFT model.
        start: the first values of the trained adapter, if they are to be subtracted.
    """
    embedding = bool(layer.lora_embedding_A)
    first, second = (layer.lora_embedding_A, layer.lora_embedding_B) if embedding else (layer.lora_A, layer.lora_B)
    names = ("lora_embedding_A", "lora_embedding_B") if embedding else ("lora_A.weight", "lora_B.weight")
    held = [adapter for adapter in (EARLIER, TRAINED) if adapter in first]

    def matrix(values: Any, adapter: str) -> Tensor:
        return (values[adapter] if embedding else values[adapter].weight).detach().float()

    a = [matrix(first, adapter) for adapter in held]
    b = [matrix(second, adapter) * layer.scaling[adapter] for adapter in held]
    if start and TRAINED in held:
        before = [f"{path}.{name.removesuffix('.weight')}.{TRAINED}" for name in names]
        a0, b0 = (start[name if embedding else f"{name}.weight"].float() for name in before)
        a, b = [*a, a0], [*b, -b0 * layer.scaling[TRAINED]]
    return names, torch.cat(a), torch.cat(b, dim=1)


def _whole(policy: Policy, names: list[str]) -> dict[str, Tensor]:
    """The current weights of the layers that either adapter trained in full."""
    weights: dict[str, Tensor] = {}
    for name, module in policy.base.named_modules():
        if name.endswith(tuple(names)):  # peft matches names in this way
            own = module.modules_to_save[TRAINED] if hasattr(module, "modules_to_save") else module
            weights |= {f"{_PREFIX}{name}.{key}": value for key, value in own.state_dict().items()}
    return weights


def _targets(policy: Policy, adapted: set[str]) -> list[str]:
    """The adapted layers by the last part of their names, if no other layer has that part; else by whole names."""
    short = {name.rpartition(".")[2] for name in adapted}
    named = {name for name, _ in policy.base.named_modules() if name.rpartition(".")[2] in short}
    return sorted(short if named == adapted else adapted)
