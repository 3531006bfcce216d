"""Which token ends an answer, as the chat template writes it."""

from typing import Any

from posttrain.data.chat.template import Template, render, shortest_question


def turn_end(tokenizer: Any, template: Template) -> int | None:
    """The special token behind an answer, blanks aside; None if the template writes none there.

    The tokenizer's end token may be another one: a model trained with this template must stop here.

    Raises:
        InputError: the template takes no conversation at all.
    """
    mark = "zebra"
    text = render(template, [*shortest_question(template), {"role": "assistant", "content": mark}], where="template")
    if mark not in text:
        return None
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    border = text.rindex(mark) + len(mark)
    special = {int(i) for i in tokenizer.all_special_ids} | {int(i) for i in tokenizer.added_tokens_decoder}
    for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        if text[max(start, border) : end].strip():
            return int(token) if int(token) in special else None
    return None
