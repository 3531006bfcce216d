"""Save a policy as a folder that transformers (or peft, for an adapter) loads as it is."""

from pathlib import Path

import torch

from posttrain.files import whole_folder
from posttrain.policy.load import Policy


def save_policy(policy: Policy, folder: Path, *, dtype: str = "float32", chat_template: str | None = None) -> None:
    """Write model, tokenizer, chat template and generation config; whole or not at all.

    An adapter is written in PEFT's format and names its base. The generation config stops on the same tokens
    that training ended answers with.

    Args:
        dtype: of the saved weights.
        chat_template: the one trained with, if not the tokenizer's own.
    """
    generation = policy.base.generation_config if policy.task == "causal" else None
    if generation is not None:
        generation.eos_token_id = list(policy.end_tokens)
    with whole_folder(folder) as target:
        if hasattr(policy.model, "get_base_model"):
            policy.model.save_pretrained(target, safe_serialization=True)
            if generation is not None:
                generation.save_pretrained(target)
        else:
            state = {name: tensor.to(getattr(torch, dtype)) for name, tensor in policy.model.state_dict().items()}
            before = policy.model.config.dtype
            policy.model.config.dtype = getattr(torch, dtype)
            policy.model.save_pretrained(target, state_dict=state)
            policy.model.config.dtype = before
        if chat_template is not None:
            policy.tokenizer.chat_template = chat_template
        policy.tokenizer.save_pretrained(target)
