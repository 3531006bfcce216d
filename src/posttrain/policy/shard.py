"""What training needs of a policy whose weights may be in shards on the ranks (`policy.fsdp`)."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from posttrain.policy.load import Policy
from posttrain.ranks.group import is_main

Parameters = Mapping[str, torch.nn.Parameter]
"""The trained parameters by name, as this rank holds them; see `local_parameters`."""


@contextmanager
def whole(policy: Policy) -> Generator[None]:
    """While open, every rank holds all weights, and runs the policy without gradient and without waiting for others.

    All ranks enter and leave it together. It takes the memory of the weights in the dtype of matrix products.
    """
    shards = policy.shards
    if shards is None or shards.gathered:
        yield
        return
    shards.gather()
    try:
        with torch.no_grad():
            yield
    finally:
        shards.free()


def local_parameters(policy: Policy) -> Parameters:
    """The trained parameters by name, as this rank holds them: of one in shards, its own shard, in the same memory."""
    shards, trained = policy.shards, _trained(policy)
    if shards is None:
        return trained
    return {name: torch.nn.Parameter(shards.own(p).detach()) if shards.divided(p) else p for name, p in trained.items()}


def local_gradients(policy: Policy, parameters: Parameters) -> None:
    """Give the local parameters their gradients, in the same memory."""
    if policy.shards is not None:
        for name, parameter in _trained(policy).items():
            if parameter.grad is not None:
                parameters[name].grad = policy.shards.own(parameter.grad)


def shard_names(policy: Policy) -> set[str]:
    """Names of the trained parameters that are in shards."""
    shards = policy.shards
    return set() if shards is None else {name for name, p in _trained(policy).items() if shards.divided(p)}


def own_part(policy: Policy, name: str, full: Tensor) -> Tensor:
    """This rank's part of a whole weight or moment of a parameter. All ranks call it."""
    return full if policy.shards is None else policy.shards.part(_trained(policy)[name], full)


def whole_weights(policy: Policy) -> dict[str, Tensor]:
    """The trained parameters as a whole, on the main process; of shards, the others get nothing. All ranks call it."""
    trained = {name: p.detach() for name, p in _trained(policy).items()}
    return trained if policy.shards is None else _on_main(policy, trained)


def whole_model(policy: Policy) -> dict[str, Tensor] | None:
    """All weights of a policy in shards, on the main process; None if it has none, or trains an adapter that is saved
    alone. All ranks call it."""
    adapter = hasattr(policy.model, "get_base_model")
    return None if policy.shards is None or adapter else _on_main(policy, policy.model.state_dict())


def _on_main(policy: Policy, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    assert policy.shards is not None
    kept: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        full = policy.shards.full(tensor)
        if is_main():
            kept[name] = full.cpu()
    return kept


def _trained(policy: Policy) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in policy.model.named_parameters() if p.requires_grad}
