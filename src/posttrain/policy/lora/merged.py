"""The weights of a policy with its adapters added, without a change of the policy."""

from collections.abc import Iterator
from typing import Any

from peft.tuners.lora.layer import LoraLayer, ParamWrapper
from torch import Tensor

from posttrain.policy.forward import VALUE_TRUNK
from posttrain.policy.load import Policy
from posttrain.policy.lora.adapters import EARLIER, TRAINED
from posttrain.policy.value_head import VALUE_HEAD


def merged_weights(policy: Policy) -> Iterator[tuple[str, Tensor]]:
    """Each weight of the transformers model by its own name, with adapters added and without a value head.

    The policy does not change. A merge in place could not be undone bit for bit.
    """
    layers = _layers_by_weight(policy)
    for name, parameter in policy.base.named_parameters():
        if name.startswith((VALUE_HEAD, VALUE_TRUNK)) or ".lora_" in name or ".original_module." in name:
            continue
        weight = parameter.detach()
        if id(parameter) in layers:
            weight = _adapted(layers[id(parameter)], weight)
        yield name.replace(".base_layer", "").replace(f".modules_to_save.{TRAINED}.", "."), weight


def _layers_by_weight(policy: Policy) -> dict[int, Any]:
    """The identity of an adapted weight → peft's layer around it. Several weights of one module have nested layers."""
    layers = [module for module in policy.base.modules() if isinstance(module, LoraLayer)]
    return {id(m.get_param() if isinstance(m, ParamWrapper) else m.get_base_layer().weight): m for m in layers}


def _adapted(layer: Any, weight: Tensor) -> Tensor:
    """The weight with its adapters, rounded once: an update that is added to a rounded sum may be lost."""
    total = weight.float()
    for adapter in (EARLIER, TRAINED):
        if adapter not in layer.scaling:
            continue
        if layer.use_dora[adapter]:  # its norms are those of the base with this adapter, so it is the only one
            return layer.lora_variant[adapter].merge_safe(layer, adapter, weight).detach()  # type: ignore[no-any-return]
        total = total + layer.get_delta_weight(adapter).detach().float()
    return total.to(weight.dtype)
