"""An answer that a model wrote, as the text that rewards, metrics and people read."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from posttrain.core.group import Ints
from posttrain.data.chat.encode import Renderer
from posttrain.data.chat.template import Template, render, shortest_question
from posttrain.errors import InputError

_ANSWER = "A test of it."
_EMPTY_BLOCK = re.compile(r"\s*<(\w+)>\s*</\1>\s*")


def answer_text(tokens: Ints, renderer: Renderer) -> str:
    """What the template opens the answer with, then what the model wrote, without the end tokens and padding behind it.

    All other special tokens stay: reasoning marks and marks of tool calls carry meaning.
    """
    return renderer.prefill + written_text(tokens, renderer.tokenizer, renderer.end_tokens)


def written_text(tokens: Ints, tokenizer: Any, end_tokens: Collection[int]) -> str:
    """What the model itself wrote, without the end tokens and padding behind it."""
    length = len(tokens)
    while length and (int(tokens[length - 1]) in end_tokens or int(tokens[length - 1]) == tokenizer.pad_token_id):
        length -= 1
    return decoded(tokens[:length].tolist(), tokenizer)


def decoded(tokens: Sequence[int], tokenizer: Any) -> str:
    """The text of some tokens as it stands: special tokens stay, and no space is taken away."""
    return tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False)


def prefill_of(template: Template) -> str:
    """What the template opens an answer with behind the mark of the assistant's turn, such as ``<think>``; "" mostly.

    The mark is what stands before an earlier answer of a conversation. A block that is empty and closed (a template
    that switches reasoning off) is no part of the answer.
    """
    question = shortest_question(template)
    before = render(template, question, where="template")
    opened = render(template, question, where="template", open_answer=True)
    more = [*question, {"role": "assistant", "content": _ANSWER}, {"role": "user", "content": "And then?"}]
    try:
        whole = render(template, more, where="template")
    except InputError:  # it takes one question alone
        return ""
    if not (opened.startswith(before) and whole.startswith(before) and _ANSWER in whole[len(before) :]):
        return ""
    mark, opening = whole[len(before) : whole.index(_ANSWER, len(before))], opened[len(before) :]
    if not opening.startswith(mark.rstrip()):
        return ""
    prefill = opening.removeprefix(mark if opening.startswith(mark) else mark.rstrip())
    return "" if not prefill.strip() or _EMPTY_BLOCK.fullmatch(prefill) else prefill


def prefill_note(renderer: Renderer) -> list[str]:
    """A sentence for people where the template opens answers with some text."""
    if not renderer.prefill:
        return []
    return [
        f"answers start behind {renderer.prefill.strip()!r}, which the template writes; rewards, metrics and people "
        "read it as the start of each answer"
    ]
