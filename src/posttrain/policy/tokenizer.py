"""The tokenizer of a model, and the tokens that end its completions."""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, GenerationConfig

from posttrain.errors import InputError, first_line
from posttrain.policy.broken_tokenizer import broken_file
from posttrain.policy.hub_names import unreachable
from posttrain.policy.lora.folder import adapter_in, has_tokenizer


def load_tokenizer(name: str, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer in a model's folder; for an adapter without one, that of its base.

    Raises:
        InputError: the tokenizer is damaged, cannot be reached, or is not a fast one.
    """
    if (adapter := adapter_in(name)) is not None and not has_tokenizer(name):
        name = adapter.base
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
    except Exception as error:
        reason = broken_file(Path(name) / "tokenizer.json") or first_line(error)[:300]
        raise InputError(
            f"{name}: {unreachable(name, error) or f'the tokenizer cannot be loaded ({reason})'}"
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"{name}: a fast tokenizer (tokenizer.json) is needed, for each token's place in the text")
    return tokenizer


def end_tokens_of(name: str, tokenizer: Any, config: Any) -> tuple[int, ...]:
    """All token ids that end a completion. Tokenizer, config and generation config may each name different ones."""
    try:
        generation: Any = GenerationConfig.from_pretrained(name).eos_token_id
    except OSError:
        generation = None
    ends: list[int] = []
    for value in (tokenizer.eos_token_id, generation, getattr(config, "eos_token_id", None)):
        ends += value if isinstance(value, list) else [] if value is None else [value]
    return tuple(dict.fromkeys(ends))
