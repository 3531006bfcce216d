"""Plain LoRA adapters add their update to a layer's output in place; other kinds keep peft's own forward pass."""

from typing import Any

from torch import Tensor

from posttrain.core.low_rank import add_low_rank


def add_in_place(model: Any) -> None:
    """Make the plain adapters of plain linear layers add to the layers' outputs in place.

    peft makes four tensors as large as the output for each layer, and casts the input to the adapter's dtype. Adapters
    of other kinds (DoRA, embeddings, expert weights) are left as peft made them.
    """
    from peft.tuners.lora.layer import Linear, LoraVariant

    class InPlace(LoraVariant):
        @staticmethod
        def forward(module: Any, active_adapter: str, x: Tensor, result: Tensor, **_: Any) -> Tensor:
            a, b = module.lora_A[active_adapter].weight, module.lora_B[active_adapter].weight
            return add_low_rank(result, x, a, b, module.scaling[active_adapter])

        @staticmethod
        def merge_safe(module: Any, active_adapter: str, orig_weight: Tensor) -> Tensor:
            return orig_weight + module.get_delta_weight(active_adapter).to(orig_weight.dtype)

        @staticmethod
        def merge_unsafe(module: Any, active_adapter: str, orig_weight: Tensor) -> None:
            orig_weight.data += module.get_delta_weight(active_adapter)

        @staticmethod
        def unmerge(module: Any, active_adapter: str, orig_weight: Tensor) -> Tensor:
            return orig_weight - module.get_delta_weight(active_adapter).to(orig_weight.dtype)

    for module in model.modules():
        if type(module) is not Linear:
            continue
        plain = [name for name in module.lora_A if not module.use_dora[name] and not module.lora_bias[name]]
        for adapter in plain:
            module.lora_variant[adapter] = InPlace()
        module.cast_input_dtype_enabled = len(plain) < len(module.lora_A)
