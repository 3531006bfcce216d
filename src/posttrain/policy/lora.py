"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685), by the peft library."""

from collections.abc import Sequence

import torch

from posttrain.policy.load import Policy


def add_lora(
    policy: Policy,
    *,
    rank: int,
    alpha: float,
    dropout: float = 0.0,
    target_modules: str | Sequence[str] = "all-linear",
    modules_to_save: Sequence[str] = (),
) -> None:
    """Freeze the policy and put adapters on it, in float32; a scalar head stays trainable as a whole."""
    from peft import LoraConfig, get_peft_model

    head = ["score"] if policy.task == "score" else []
    settings = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]
        lora_dropout=dropout,
        target_modules=target_modules if isinstance(target_modules, str) else list(target_modules),
        modules_to_save=[*head, *modules_to_save] or None,
        task_type="SEQ_CLS" if policy.task == "score" else "CAUSAL_LM",
    )
    policy.model = get_peft_model(policy.model, settings)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)


def merged(policy: Policy) -> Policy:
    """The policy with its adapter folded into the weights; unchanged if it has none."""
    if hasattr(policy.model, "merge_and_unload"):
        policy.model = policy.model.merge_and_unload()
    return policy
