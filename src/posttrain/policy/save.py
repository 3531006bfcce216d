"""Save a policy as a folder that transformers (or peft, for an adapter) loads as it is."""

from pathlib import Path

import torch

from posttrain.files import read_json, whole_folder, write_json
from posttrain.policy.forward import VALUE_TRUNK
from posttrain.policy.heads import VALUE_HEAD
from posttrain.policy.load import Policy


def save_policy(policy: Policy, folder: Path, *, dtype: str = "float32", chat_template: str | None = None) -> None:
    """Write model, tokenizer, chat template and generation config; whole or not at all.

    An adapter is written in PEFT's format and names its base. The generation config stops on the same tokens
    that training ended answers with.

    Args:
        dtype: of the saved weights.
        chat_template: the one trained with, if not the tokenizer's own.
    """
    if policy.task == "score":
        _settle_padding(policy)
    generation = policy.base.generation_config if policy.task == "causal" else None
    if generation is not None:
        generation.eos_token_id = list(policy.end_tokens)
    if chat_template is not None:
        policy.tokenizer.chat_template = chat_template
    with whole_folder(folder) as target:
        if hasattr(policy.model, "get_base_model"):
            policy.model.save_pretrained(target, safe_serialization=True)
            if generation is not None:
                generation.save_pretrained(target)
        else:
            wanted = getattr(torch, dtype)
            state = {
                name: tensor.to(wanted) if tensor.is_floating_point() else tensor
                for name, tensor in policy.model.state_dict().items()
                if not name.startswith((VALUE_HEAD, VALUE_TRUNK))
            }
            policy.model.save_pretrained(target, state_dict=state)
            config = read_json(target / "config.json")
            write_json(target / "config.json", {**config, "dtype": dtype})
        policy.tokenizer.save_pretrained(target)


def _settle_padding(policy: Policy) -> None:
    """A pad token that no completion ends with: transformers reads the score before the first pad token."""
    tokenizer, config = policy.tokenizer, policy.base.config
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id in policy.end_tokens:
        for token in (tokenizer.unk_token, tokenizer.bos_token, *tokenizer.all_special_tokens):
            if token is not None and tokenizer.convert_tokens_to_ids(token) not in policy.end_tokens:
                tokenizer.pad_token = token
                break
    pad = tokenizer.pad_token_id
    config.pad_token_id = None if pad in policy.end_tokens else pad  # None: transformers then scores row by row
