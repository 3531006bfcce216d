"""Losses as pure functions of log-probs and columns. Each module states its formula and its paper.

The names below are imported when they are first used, so that the options of a recipe stay free of torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posttrain.objectives.dpo import dpo_loss, dpo_objective
    from posttrain.objectives.kto import kto_loss, kto_objective
    from posttrain.objectives.options import (
        BradleyTerryOptions,
        DPOOptions,
        KTOOptions,
        PolicyGradientOptions,
        ValueOptions,
    )
    from posttrain.objectives.policy_gradient import policy_gradient_loss, policy_gradient_objective
    from posttrain.objectives.reward import reward_loss, reward_objective
    from posttrain.objectives.sft import SFT, sft_loss

__all__ = [
    "SFT",
    "BradleyTerryOptions",
    "DPOOptions",
    "KTOOptions",
    "PolicyGradientOptions",
    "ValueOptions",
    "dpo_loss",
    "dpo_objective",
    "kto_loss",
    "kto_objective",
    "policy_gradient_loss",
    "policy_gradient_objective",
    "reward_loss",
    "reward_objective",
    "sft_loss",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    if name.endswith("Options"):
        module = "options"
    elif name == "SFT":
        module = "sft"
    else:
        module = name.rpartition("_")[0]
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return __all__
