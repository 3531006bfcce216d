"""AdamW with moments in 8 bits (Dettmers et al. 2021, arXiv:2110.02861), by bitsandbytes: 2 bytes a weight, not 8.

Each block of 256 values of a moment has a scale of its own and 256 levels. Parameters of less than 4,096 values keep
moments in float32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from posttrain.errors import InputError

_LEVELS = {"qmap1", "qmap2"}
"""The 256 levels of a moment, which are the same for all parameters."""


def adamw8bit(
    groups: Sequence[dict[str, Any]], *, learning_rate: float, betas: tuple[float, float], epsilon: float
) -> torch.optim.Optimizer:
    """The optimiser of some parameter groups.

    Raises:
        InputError: bitsandbytes is not installed.
    """
    try:
        from bitsandbytes.optim.adamw import AdamW8bit
    except ImportError as error:
        raise InputError(
            "optimizer: adamw8bit needs bitsandbytes; pip install 'posttrain[bitsandbytes]', or set `optimizer: adamw`"
        ) from error
    return AdamW8bit(groups, lr=learning_rate, betas=betas, eps=epsilon)


def moments_of(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> dict[str, Tensor]:
    """The tensors that a checkpoint needs of one parameter."""
    state = {key: value for key, value in optimizer.state[parameter].items() if key not in _LEVELS}
    return {key: value if isinstance(value, Tensor) else torch.tensor(value) for key, value in state.items()}


def set_moments(optimizer: Any, parameter: torch.nn.Parameter, saved: Mapping[str, Tensor]) -> None:
    """Give a parameter the state that `moments_of` returned."""
    for g, group in enumerate(optimizer.param_groups):
        for p, other in enumerate(group["params"]):
            if other is parameter:
                optimizer.init_state(group, parameter, g, p)
    state = optimizer.state[parameter]
    state["step"] = int(saved["step"])
    for key in saved.keys() - {"step"}:
        state[key].copy_(saved[key])
