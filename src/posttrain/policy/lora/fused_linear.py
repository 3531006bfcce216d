"""A linear layer with its plain LoRA adapters, whose sum is rounded once; other kinds keep peft's own forward pass."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from posttrain.core.low_rank import LowRank, low_rank_linear

_Linears = Mapping[str, nn.Linear]


class FusedLinear(Linear):
    """peft's layer with another forward pass: `low_rank_linear` of the base layer and the active adapters.

    peft adds each update to an output that is rounded already; see `core.low_rank` for what that loses. It also makes
    four tensors as large as the output for each layer, and casts the input to the adapter's dtype.
    """

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        updates = self.updates()
        if not updates or args or kwargs:
            return super().forward(x, *args, **kwargs)
        return low_rank_linear(x, *self._frozen(), updates)

    def updates(self) -> list[LowRank]:
        """The adapters that are to be added."""
        if self.disable_adapters or self.merged:
            return []
        active = [name for name in self.active_adapters if name in self.lora_A]
        a, b = cast("_Linears", self.lora_A), cast("_Linears", self.lora_B)
        return [LowRank(a[name].weight, b[name].weight, self.scaling[name]) for name in active]

    def summed(self) -> tuple[Tensor, Tensor | None]:
        """See `AdaptedLinear`."""
        weight, bias = self._frozen()
        total = weight.detach().float()
        for a, b, scaling in self.updates():
            total = torch.addmm(total, b.detach().float(), a.detach().float(), alpha=scaling)
        return total, bias

    def _frozen(self) -> tuple[Tensor, Tensor | None]:
        """The base layer's weight, [O, I], and bias."""
        base = cast("nn.Linear | Conv1D", self.get_base_layer())
        return base.weight.T if isinstance(base, Conv1D) else base.weight, base.bias


def fuse_adapters(model: nn.Module) -> None:
    """Give the plain adapters of plain linear layers the forward pass of `FusedLinear`.

    Adapters of other kinds (DoRA, with a bias, on embeddings, on expert weights, on 4-bit bases) are left as peft made
    them.
    """
    for module in model.modules():
        if type(module) is Linear and type(module.get_base_layer()) in (nn.Linear, Conv1D):
            names = list(module.lora_A)
            if not any(module.use_dora[name] or module.lora_bias[name] for name in names):
                module.__class__ = FusedLinear
