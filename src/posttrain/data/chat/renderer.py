"""Which template, end tokens and length limit a stage's conversations get."""

from pathlib import Path
from typing import Any

from posttrain.data.chat.answer_text import prefill_of
from posttrain.data.chat.encode import Renderer
from posttrain.data.chat.end_token import turn_end
from posttrain.data.chat.template import template_of, traits_of
from posttrain.data.options import RowOptions
from posttrain.errors import InputError

LENGTH_LIMIT = 2048
"""max_length where neither the recipe nor the model says less."""


def renderer_of(
    options: RowOptions, tokenizer: Any, *, end_tokens: tuple[int, ...], positions: int | None, base: Path
) -> tuple[Renderer, list[str]]:
    """The renderer, and what a user should know about it, a sentence each.

    Args:
        end_tokens: the model's own.
        positions: the longest text the model can read, None if unlimited.
        base: folder that a template's path starts from.

    Raises:
        InputError: no such template, or ``max_length`` beyond the model.
    """
    if options.max_length is not None and positions is not None and options.max_length > positions:
        raise InputError(f"max_length: {options.max_length} is more than the {positions} positions the model has")
    length = options.max_length or min(LENGTH_LIMIT, positions or LENGTH_LIMIT)
    template = template_of(tokenizer, options.template, base)
    if template is None:
        return Renderer(tokenizer, None, frozenset(end_tokens), length, options.truncation), []
    ends = turn_end(tokenizer, template)
    told = [f"the chat template {trait}" for trait in traits_of(template)]
    if ends is None:
        told.append("the chat template ends an answer with no special token: the model will not learn where to stop")
    all_ends = frozenset(end_tokens) | ({ends} if ends is not None else set())
    renderer = Renderer(tokenizer, template, all_ends, length, options.truncation, prefill=prefill_of(template))
    return renderer, told
