"""The answer that a model wrote, as the text that rewards, metrics and people read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from posttrain.core.group import Ints
from posttrain.data.chat.renderer import Renderer, prefill_with


def answer_text(tokens: Ints, renderer: Renderer, arguments: Mapping[str, Any] | None = None) -> str:
    """The template's opening of the answer and the model's own text, without end tokens and padding at its end.

    All other special tokens stay, since marks of reasoning and of tool calls carry meaning.

    Args:
        arguments: the template arguments of the prompt itself.
    """
    return prefill_with(renderer, arguments or {}) + written_text(tokens, renderer.tokenizer, renderer.end_tokens)


def written_text(tokens: Ints, tokenizer: Any, end_tokens: Collection[int]) -> str:
    """The model's own text, without end tokens and padding at its end."""
    length = len(tokens)
    while length and (int(tokens[length - 1]) in end_tokens or int(tokens[length - 1]) == tokenizer.pad_token_id):
        length -= 1
    return decode_tokens(tokens[:length].tolist(), tokenizer)


def decode_tokens(tokens: Sequence[int], tokenizer: Any) -> str:
    """The exact text of tokens: special tokens stay, and no space is removed."""
    return tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)


def prefill_note(renderer: Renderer) -> list[str]:
    """A sentence for people, if the template opens answers with a text."""
    if not renderer.prefill:
        return []
    return [
        f"answers start behind {renderer.prefill.strip()!r}, which the template writes; rewards, metrics and people "
        "read it as the start of each answer"
    ]
