"""Which token ends an answer, as the chat template writes it."""

from typing import Any

from posttrain.data.template import Template, render
from posttrain.errors import InputError


def turn_end(tokenizer: Any, template: Template) -> int | None:
    """The special token right behind an answer; None if the template writes none there.

    The tokenizer's end token may be another one: a model trained with this template must stop here.
    """
    mark = "zebra"
    conversation = [{"role": "user", "content": "Which animal?"}, {"role": "assistant", "content": mark}]
    try:
        text = render(template, conversation, where="template")
    except InputError:
        return None
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    border = text.rindex(mark) + len(mark)
    special = {int(i) for i in tokenizer.all_special_ids} | {int(i) for i in tokenizer.added_tokens_decoder}
    for token, (_, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        if end > border:
            return int(token) if int(token) in special else None
    return None
