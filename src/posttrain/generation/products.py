"""Matrix products of decoding on a CPU in bfloat16. Weights are packed once, and layers with one input are one product.

A decoding step multiplies all weights with a few rows, so it costs as much to read a weight as to use it. With packed
weights oneDNN reads bfloat16 in the order in which it multiplies. Without them, a step casts float32 weights, or brings
bfloat16 ones into that order, before each product. Layers that read the same tensor (queries, keys and values; gate and
up) are found by running a step.

Legend: ``B`` rows, ``I`` and ``O`` a layer's input and output width, ``V`` vocabulary.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from posttrain.core.logprobs import Head, logits_of
from posttrain.core.low_rank import AdaptedLinear

ROWS = 64
"""The number of rows for which oneDNN chooses the packed form; other numbers of rows work, too."""

PackedLinear = Callable[[Tensor], Tensor]
"""The product with packed weights, and the bias."""


def packable(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether products of this dtype have a packed form here."""
    return device.type == "cpu" and dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def recorded_inputs(model: nn.Module) -> Generator[list[list[nn.Module]]]:
    """While open, linear layers are recorded as they run.

    Yields:
        a list that is complete at the end: layers that read the same tensor, one after the other, are one group.
    """
    groups: list[list[nn.Module]] = []
    last: list[Tensor] = []  # it keeps the tensor alive, so that its identity is not used again

    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if last and last[0] is inputs[0]:
            groups[-1].append(layer)
        else:
            groups.append([layer])
            last[:] = [inputs[0]]

    layers = (m for m in model.modules() if type(m) is nn.Linear or isinstance(m, AdaptedLinear))
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    try:
        yield groups
    finally:
        for hook in hooks:
            hook.remove()


class PackedLayers:
    """Linear layers that compute with packed weights until they are restored. Their weights must not change until then.

    The weight of a layer with adapters is packed with them: the sum is rounded once.

    Args:
        groups: layers that are called with the same tensor, in order; see `recorded_inputs`.
    """

    def __init__(self, groups: Sequence[Sequence[nn.Module]]) -> None:
        self.layers = list(dict.fromkeys(layer for group in groups for layer in group))
        if len(self.layers) < sum(map(len, groups)):  # a layer that runs twice in a step has no fixed neighbours
            groups = [[layer] for layer in self.layers]
        packed = [pair for group in groups for pair in zip(group, _products(group), strict=True)]
        for layer, product in packed:  # once all are packed: an interrupt leaves no layer behind with old weights
            layer.forward = product  # type: ignore[method-assign] -- in the instance, before the class

    def restore(self) -> None:
        """Give the layers their own products back."""
        for layer in self.layers:
            del layer.forward


def packed_logits(head: Head) -> Callable[[Tensor], Tensor]:
    """`logits_of` with a packed weight: from hidden states [B, I] to float32 logits [B, V]."""
    product = _packed(head.weight, None)
    return lambda hidden_BI: logits_of(hidden_BI, head, product)


def _products(group: Sequence[nn.Module]) -> list[PackedLinear]:
    """A product for each layer of a group. The first call computes them all; the others return their parts."""
    weights, biases = zip(*(_weight_and_bias(layer) for layer in group), strict=True)
    if len(group) == 1:
        return [_packed(weights[0], biases[0])]
    bias = None
    if any(b is not None for b in biases):
        parts = [weight.new_zeros(len(weight)) for weight in weights]
        bias = torch.cat([p if b is None else b.detach() for p, b in zip(parts, biases, strict=True)])
    product = _packed(torch.cat(weights), bias)
    widths = [len(weight) for weight in weights]
    kept: dict[str, Any] = {}

    def first(x: Tensor) -> Tensor:
        kept["x"], kept["outputs"] = x, product(x).split(widths, -1)
        return kept["outputs"][0]

    def later(number: int) -> PackedLinear:
        def part(x: Tensor) -> Tensor:
            if kept.get("x") is not x:
                return product(x).split(widths, -1)[number]
            output: Tensor = kept["outputs"][number]
            if number == len(widths) - 1:
                kept.clear()  # the outputs of a long prompt must not stay in memory
            return output

        return part

    return [first, *(later(number) for number in range(1, len(group)))]


def _weight_and_bias(layer: Any) -> tuple[Tensor, Tensor | None]:
    weight, bias = layer.summed() if isinstance(layer, AdaptedLinear) else (layer.weight, layer.bias)
    return weight.detach().to(torch.bfloat16), bias


def _packed(weight_OI: Tensor, bias_O: Tensor | None) -> PackedLinear:
    narrow = weight_OI.detach().to(torch.bfloat16)
    packed = torch.ops.mkldnn._reorder_linear_weight(narrow, ROWS)
    bias = None if bias_O is None else bias_O.detach().to(torch.bfloat16)

    def product(x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x.to(torch.bfloat16), packed, bias, "none", [], "")  # type: ignore[no-any-return]

    return product
