"""Weights in shards on the ranks, by torch's FSDP2 (Zhao et al. 2023, arXiv:2304.11277, sharded by parameter).

A layer's weights are gathered when it runs and freed afterwards; its gradients are summed into the shards. This module
imports much of torch, so it is imported only where weights are divided.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from posttrain.core.group import Completion, Group
from posttrain.core.packing import collate
from posttrain.errors import InputError
from posttrain.malloc import return_large_blocks
from posttrain.policy.forward import PASS, backbone_of, forward, outputs_of
from posttrain.policy.load import Policy
from posttrain.ranks.exchange import gathered


@dataclass(slots=True)
class FsdpShards:
    """The shards of a model; see `Shards`.

    Args:
        model: the transformers model.
        layers: its layers, whose weights are freed after they run.
        copies: how often the ranks together hold the model.
        gathered: whether every rank holds all weights at the moment.
    """

    model: Any
    layers: list[torch.nn.Module]
    copies: int = 1
    gathered: bool = False

    def gather(self) -> None:
        for module in _sharded(self.model):
            module.unshard()
            module.set_reshard_after_forward(False, recurse=False)
        self.gathered = True

    def drop(self) -> None:
        self.model, self.layers = None, []

    def free(self) -> None:
        if self.model is None:
            return
        self.model.reset_iter_state()  # the ranks may have run different passes
        layers = {id(layer) for layer in self.layers}
        for module in _sharded(self.model):
            module.set_reshard_after_forward(id(module) in layers, recurse=False)
        self.gathered = False

    def divided(self, tensor: Tensor) -> bool:
        return isinstance(tensor, DTensor)

    def own(self, tensor: Tensor) -> Tensor:
        return tensor.to_local() if isinstance(tensor, DTensor) else tensor

    def full(self, tensor: Tensor) -> Tensor:
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def like(self, weight: Tensor, own: Tensor) -> Tensor:
        if not isinstance(weight, DTensor) or own.shape != weight.to_local().shape:
            return own
        places: dict[str, Any] = {"shape": weight.shape, "stride": weight.stride(), "run_check": False}
        return DTensor.from_local(own, weight.device_mesh, weight.placements, **places)

    def part(self, weight: Tensor, full: Tensor) -> Tensor:
        if not isinstance(weight, DTensor) or full.shape != weight.shape:
            return full
        return distribute_tensor(full.to(weight.device), weight.device_mesh, weight.placements).to_local()


def shard_policy(policy: Policy, ranks: int, together: int) -> None:
    """Divide the weights of a policy among the ranks, layer by layer.

    With fewer ranks `together` than there are, each such group holds the model once (HSDP), and gradients are summed
    over the groups too.

    The final norm, the head and an embedding that is tied to it form one group: their gradients add up in one place.
    Adapters and heads that are added later stay whole on every rank.
    """
    base, body = policy.base, backbone_of(policy.base)
    precision = MixedPrecisionPolicy(policy.autocast, reduce_dtype=torch.float32, cast_forward_inputs=False)
    options: dict[str, Any] = {"mesh": _mesh(policy.device.type, ranks, together), "mp_policy": precision}
    layers = _layers(body)
    for layer in layers:
        fully_shard(layer, **options)
    embedding, head = body.get_input_embeddings(), base.get_output_embeddings()
    if head is None or head.weight is not embedding.weight:
        fully_shard(embedding, **options)
    rest = [module for module in base.modules() if _has_undivided(module)]
    fully_shard(rest, **options, reshard_after_forward=False)
    fully_shard(base, **options)
    for module in _sharded(base):
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)
    setattr(base, PASS, partial(outputs_of, policy))
    register_fsdp_forward_method(base, PASS)
    policy.shards = FsdpShards(base, layers, ranks // together)
    if policy.device.type == "cpu":
        return_large_blocks()
    _run_once(policy)


def _mesh(device: str, ranks: int, together: int) -> DeviceMesh:
    """The ranks in one dimension, or in two: copies of the model, and the shards of a copy.

    Raises:
        InputError: the groups are not of the same size.
    """
    sizes = set(gathered(together))
    if sizes == {ranks}:
        return init_device_mesh(device, (ranks,))
    if len(sizes) > 1 or ranks % together:
        raise InputError("parallel: hybrid needs the same number of processes on each machine; set `parallel: shard`")
    return init_device_mesh(device, (ranks // together, together), mesh_dim_names=("copies", "shards"))


@torch.no_grad()
def _run_once(policy: Policy) -> None:
    """Run a pass over two tokens. FSDP takes the first module that runs for the root of all others."""
    token = np.zeros(1, dtype=np.int32)
    group = Group("", token, (Completion(token, np.ones(1, dtype=np.bool_)),))
    forward(policy, collate([group], policy.device), {"logp"} if policy.task == "causal" else {"score"})
    assert policy.shards is not None
    policy.shards.free()


def _layers(body: Any) -> list[torch.nn.Module]:
    """The modules of a model's longest list."""
    return list(max((module for module in body.modules() if isinstance(module, torch.nn.ModuleList)), key=len))


def _has_undivided(module: torch.nn.Module) -> bool:
    return any(not isinstance(parameter, DTensor) for parameter in module.parameters(recurse=False))


def _sharded(model: Any) -> Iterator[FSDPModule]:
    return (module for module in model.modules() if isinstance(module, FSDPModule))
