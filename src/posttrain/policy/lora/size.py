"""The size of an adapter on a model whose experts have one tensor of weights, as peft would make it."""

from typing import NamedTuple

import torch
from peft import get_peft_model
from peft.tuners.lora.layer import ParamWrapper

from posttrain.errors import InputError, first_line
from posttrain.policy.lora.adapters import lora_config
from posttrain.policy.options import LoraOptions
from posttrain.policy.shape import ModelShape


class AdapterSize(NamedTuple):
    """The number of trained values, and the size of each weight whose sum with its update is computed as a whole."""

    trained: int
    sums: tuple[int, ...]


def adapter_size(shape: ModelShape, lora: LoraOptions) -> AdapterSize:
    """Add the adapter to the model on torch's meta device, and count.

    Raises:
        InputError: no layer has a name of ``target_modules``.
    """
    assert shape.build is not None
    plain = lora.model_copy(update={"dora": False, "start": "default"})
    try:
        with torch.device("meta"):
            model = get_peft_model(shape.build(), lora_config(plain, "causal"))
    except ValueError as error:
        raise InputError(f"lora.target_modules: {first_line(error)}") from error
    wrapped = [module for module in model.modules() if isinstance(module, ParamWrapper)]
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return AdapterSize(trained, tuple(module.get_param().numel() for module in wrapped))
