"""LoftQ: an adapter on a quantized base starts with the largest part of the quantization's error.

    minimise |W - Q - s B A|  over B, A of rank R;  Q = q(W)

Li et al. 2023, arXiv:2310.08659, algorithm 1 with one iteration (T = 1), so that the base stays the usual NF4 one. The
scale s of the adapter is divided out.

Legend: ``R`` rank, ``I`` and ``O`` a layer's input and output width.
"""

from typing import Any

import torch
from peft.tuners.lora.layer import LoraLayer, ParamWrapper
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor

from posttrain.policy.load import AdapterStart, Policy
from posttrain.policy.lora.adapters import TRAINED, trained_values


@torch.no_grad()
def start_from_error(policy: Policy, original: Any) -> None:
    """Set the trained adapter to the error of its quantized base.

    Args:
        original: the same transformers model before quantization.
    """
    layers: list[tuple[str, Any]] = [(n, m) for n, m in policy.base.named_modules() if isinstance(m, LoraLayer)]
    for name, layer in layers:
        if TRAINED not in layer.lora_A or isinstance(layer, ParamWrapper):  # expert weights are not quantized
            continue
        quantized_OI: Tensor = dequantize_module_weight(layer.get_base_layer())
        weight_OI: Tensor = original.get_submodule(name).weight.to(quantized_OI.device)
        a, b = layer.lora_A[TRAINED].weight, layer.lora_B[TRAINED].weight
        error_OI = weight_OI.float() - quantized_OI.float()
        if getattr(layer, "fan_in_fan_out", False):
            error_OI = error_OI.T
        a_RI, b_OR = low_rank_part(error_OI / layer.scaling[TRAINED], len(a))
        a.copy_(a_RI)
        b.copy_(b_OR)
    policy.start = AdapterStart(trained_values(policy), subtracted=True)


def low_rank_part(matrix_OI: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """``A`` [R, I] and ``B`` [O, R] whose product ``B A`` is nearest to a matrix; both have the same norms."""
    u_OR, s_R, v_RI = torch.linalg.svd(matrix_OI, full_matrices=False)
    root_R = s_R[:rank].sqrt()
    return root_R[:, None] * v_RI[:rank], u_OR[:, :rank] * root_R
