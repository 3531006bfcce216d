"""The renderer of a stage: the chat template, end tokens and length limit that turn its conversations into tokens."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from posttrain.data.chat.scored_text import scores_answers_alone
from posttrain.data.chat.template import Template, render_conversation, shortest_question, template_of
from posttrain.data.chat.template_arguments import shown
from posttrain.data.chat.traits import traits_of
from posttrain.data.options import Reasoning, ReasoningOptions, RowOptions, Truncation
from posttrain.errors import InputError

LENGTH_LIMIT = 2048
"""The default of max_length; a model with fewer positions lowers it."""

_ANSWER = "A test of it."
_EMPTY_BLOCK = re.compile(r"\s*<(\w+)>\s*</\1>\s*")


@dataclass(frozen=True, slots=True)
class Renderer:
    """The settings that turn an `Example` into a `Group`.

    Args:
        tokenizer: the model's tokenizer, a fast one.
        template: its chat template; None where only raw text is read.
        end_tokens: ids of the tokens that end an answer. The last of them in an answer bears loss; tokens after it
            do not.
        max_length: tokens of a prompt with one completion, at most.
        truncation: what to do with a longer row. "error" stops; "drop" skips the row; "left" cuts the start of the
            prompt; "right" cuts the end of the completion, and the model then does not learn to stop there.
        seen: the notes on kept rows, counted; see `encode_example`.
        turns: the answers of kept rows that are not learnt, have a weight or a trace, counted (`TurnNote`).
        prefill: the text with which the template opens an answer; see `prefill_of`.
        reasoning: what to do with the reasoning traces of a row's answers; see `ReasoningOptions`.
        row_prefills: the arguments of rows, as JSON → the prefill that they give; filled by `prefill_with`.
    """

    tokenizer: Any
    template: Template | None
    end_tokens: frozenset[int]
    max_length: int
    truncation: Truncation = "drop"
    seen: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    prefill: str = ""
    reasoning: Reasoning = "train"
    row_prefills: dict[str, str] = field(default_factory=dict[str, str])


def renderer_of(
    options: RowOptions, tokenizer: Any, *, end_tokens: tuple[int, ...], positions: int | None, base: Path
) -> tuple[Renderer, list[str]]:
    """The renderer, and a sentence on each thing that a user should know about it.

    Args:
        end_tokens: the model's own end tokens.
        positions: the longest text that the model can read; None if it has no limit.
        base: folder that a template's path starts from.

    Raises:
        InputError: the template does not exist, or ``max_length`` is more than the model's positions.
    """
    if options.max_length is not None and positions is not None and options.max_length > positions:
        raise InputError(f"max_length: {options.max_length} is more than the {positions} positions the model has")
    length = options.max_length or min(LENGTH_LIMIT, positions or LENGTH_LIMIT)
    template = template_of(tokenizer, options.template, base, options.template_arguments)
    if template is None:
        return Renderer(tokenizer, None, frozenset(end_tokens), length, options.truncation), []
    end = turn_end_token(tokenizer, template)
    notes = [f"the chat template {trait}" for trait in traits_of(template)]
    if options.template_arguments:
        listed = ", ".join(f"{name}: {shown(value)}" for name, value in options.template_arguments.items())
        notes.append(f"the chat template reads {listed}; the saved model's template has the same defaults")
    if end is None:
        notes.append("the chat template ends an answer with no special token: the model will not learn where to stop")
    all_ends = frozenset(end_tokens) | ({end} if end is not None else set())
    recorded: Reasoning = "drop" if scores_answers_alone(tokenizer) else "train"
    reasoning = options.reasoning if isinstance(options, ReasoningOptions) else recorded
    prefill = prefill_of(template)
    return Renderer(
        tokenizer, template, all_ends, length, options.truncation, prefill=prefill, reasoning=reasoning
    ), notes


def turn_end_token(tokenizer: Any, template: Template) -> int | None:
    """The special token that the template writes after an answer; None if it writes none.

    It may differ from the tokenizer's end token. A model trained with this template must stop at it. Blanks between
    the answer and the token do not matter.

    Raises:
        InputError: the template refuses every conversation.
    """
    mark = "zebra"
    answer = {"role": "assistant", "content": mark}
    text = render_conversation(template, [*shortest_question(template), answer], where="template")
    if mark not in text:
        return None
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    border = text.rindex(mark) + len(mark)
    special = {int(i) for i in tokenizer.all_special_ids} | {int(i) for i in tokenizer.added_tokens_decoder}
    for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        if text[max(start, border) : end].strip():
            return int(token) if int(token) in special else None
    return None


def prefill_of(template: Template) -> str:
    """The text with which the template opens an answer, such as ``<think>``; "" for most templates.

    It comes after the mark of the assistant's turn, which is the text before an earlier answer of a conversation. An
    empty closed block, which some templates write to switch reasoning off, is no part of the answer.
    """
    question = shortest_question(template)
    before = render_conversation(template, question, where="template")
    opened = render_conversation(template, question, where="template", open_answer=True)
    longer = [*question, {"role": "assistant", "content": _ANSWER}, {"role": "user", "content": "And then?"}]
    try:
        text = render_conversation(template, longer, where="template")
    except InputError:  # the template accepts only a single question
        return ""
    if not (opened.startswith(before) and text.startswith(before) and _ANSWER in text[len(before) :]):
        return ""
    mark, opening = text[len(before) : text.index(_ANSWER, len(before))], opened[len(before) :]
    if not opening.startswith(mark.rstrip()):
        return ""
    prefill = opening.removeprefix(mark if opening.startswith(mark) else mark.rstrip())
    return "" if not prefill.strip() or _EMPTY_BLOCK.fullmatch(prefill) else prefill


def prefill_with(renderer: Renderer, arguments: Mapping[str, Any]) -> str:
    """The text with which the template opens an answer to a row that sets these arguments."""
    if not arguments or renderer.template is None:
        return renderer.prefill
    key = json.dumps(arguments, sort_keys=True, default=str)
    if key not in renderer.row_prefills:
        template = renderer.template
        own = replace(template, arguments={**template.arguments, **arguments})
        renderer.row_prefills[key] = prefill_of(own)
    return renderer.row_prefills[key]
