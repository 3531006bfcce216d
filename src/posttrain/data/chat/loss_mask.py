"""The tokens of one completion with its prompt, and which of them bear loss.

A conversation is rendered once and tokenised once; the offsets of the tokens give the mask.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from posttrain.core.group import Bools, Floats, Ints
from posttrain.data.chat.answer_spans import answer_spans
from posttrain.data.chat.lost_in_rendering import lost_in_rendering
from posttrain.data.chat.renderer import Renderer
from posttrain.data.chat.template import Template, with_row_arguments
from posttrain.data.example import Example, Message
from posttrain.data.formats.messages import LEARNT, MESSAGE_WEIGHT
from posttrain.data.options import BUILT_IN
from posttrain.data.reasoning import end_of_trace, is_written, left_out
from posttrain.data.row_notes import RowNote, TurnNote
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class MaskedText:
    """One completion with its prompt, tokenised.

    Args:
        notes: the notes on it.
        weight: the weight of each token if messages have one.
        traces: the traces of its answers, counted (`TurnNote`).
        masked: its first token that would bear loss if traces were not masked; None if no trace is masked.
    """

    tokens: Ints
    loss: Bools
    notes: frozenset[str]
    weight: Floats | None = None
    traces: Mapping[str, int] = field(default_factory=dict[str, int])
    masked: int | None = None

    @property
    def prompt_length(self) -> int:
        """The number of tokens before the first answer that is learnt."""
        first = int(np.argmax(self.loss))
        return first if self.masked is None else min(first, self.masked)


def masked_conversation(
    example: Example, completion: Sequence[Message], renderer: Renderer, wordless: bool
) -> MaskedText:
    """A conversation; its tokens have weights if its messages have.

    The tokens of a weight are those with loss if only the answers of this weight are learnt. A token of an answer that
    cannot be found in this way bears no loss.
    """
    text = _chat(example, completion, renderer, wordless)
    if not any(MESSAGE_WEIGHT in message for message in completion):
        return text
    weight = np.zeros(len(text.tokens), dtype=np.float32)
    for value in sorted({message.get(MESSAGE_WEIGHT, 1.0) for message in completion}):
        alone = [m if m.get(MESSAGE_WEIGHT, 1.0) == value else {**m, LEARNT: False} for m in completion]
        weight[_chat(example, alone, renderer, wordless).loss] = value
    loss = text.loss & (weight > 0)
    lost = {RowNote.ANSWER_REWRITTEN} if (loss != text.loss).any() else set[str]()
    return replace(text, loss=loss, weight=weight, notes=text.notes | lost)


def _chat(example: Example, completion: Sequence[Message], renderer: Renderer, wordless: bool) -> MaskedText:
    """A conversation; loss falls on the answers and their end tokens."""
    template = template_required(renderer, example.where, example.template_arguments)
    text, spans, rewritten = answer_spans(
        template, example.prompt, completion, where=example.where, tools=example.tools
    )
    notes = lost_in_rendering(example, completion, text)
    if rewritten:
        notes.add(RowNote.ANSWER_REWRITTEN)
    tokens, offsets = _tokenised(text, renderer)
    loss = np.zeros(len(tokens), dtype=np.bool_)
    # If the numbers differ, a span is only a part of an answer, and may lack the words that the answer has.
    answers = [m for m in completion if m["role"] == "assistant" and m.get(LEARNT, True)]
    span_is_answer = len(spans) == len(answers)
    masks = renderer.reasoning == "mask"
    masked: list[int] = []
    traces: Counter[str] = Counter()
    earlier, final = left_out(text, [*example.prompt, *completion])
    traces.update({TurnNote.EARLIER_TRACE_LEFT_OUT: earlier, TurnNote.TRACE_LEFT_OUT: final})
    for index, span in enumerate(spans):
        inside, span_notes = _tokens_in(span, tokens, offsets, renderer)
        trace_end = end_of_trace(text, span, answers[index : index + 1] if span_is_answer else answers)
        in_trace = inside & (offsets[:, 1] <= trace_end)
        if masks:
            inside &= ~in_trace
        if span_is_answer and not wordless and not _has_words(tokens, offsets, inside, text, renderer):
            notes.add(RowNote.ANSWER_WITHOUT_WORDS)
            continue
        if masks and in_trace.any():
            masked.append(int(np.argmax(in_trace)))
        if in_trace.any() and is_written(text[span[0] : trace_end]):
            traces[TurnNote.TRACE_MASKED if masks else TurnNote.TRACE_LEARNT] += 1
        ends = np.flatnonzero(inside & np.isin(tokens, list(renderer.end_tokens)))
        if len(ends):
            inside[ends[-1] + 1 :] = False
        loss |= inside
        notes |= span_notes
    return MaskedText(tokens, loss, frozenset(notes), traces=+traces, masked=min(masked, default=None))


def masked_raw_text(example: Example, completion: Sequence[Message], renderer: Renderer) -> MaskedText:
    """Plain text between a start and an end token; loss falls on all but the prompt."""
    head, tail = ("".join(m["content"] for m in messages) for messages in (example.prompt, completion))
    eos = renderer.tokenizer.eos_token_id
    bos = renderer.tokenizer.bos_token_id if renderer.tokenizer.bos_token_id is not None else eos
    if eos is None:
        raise InputError(
            f"{renderer.tokenizer.name_or_path}: the tokenizer has no end token, so nothing can mark where a text ends"
        )
    tokens, offsets = _tokenised(head + tail, renderer)
    inside, notes = _tokens_in((len(head), len(head + tail)), tokens, offsets, renderer)
    return MaskedText(
        np.concatenate([[bos], tokens, [eos]]).astype(np.int32),
        np.concatenate([[False], inside, [True]]),
        frozenset(notes),
    )


def _tokenised(text: str, renderer: Renderer) -> tuple[Ints, Ints]:
    """Tokens [T] and their characters [T, 2]. Special tokens are there only where the text has them."""
    encoded: Mapping[str, Any] = renderer.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = np.array(encoded["offset_mapping"], dtype=np.int32).reshape(-1, 2)
    return np.array(encoded["input_ids"], dtype=np.int32), offsets


def _tokens_in(span: tuple[int, int], tokens: Ints, offsets: Ints, renderer: Renderer) -> tuple[Bools, set[RowNote]]:
    """Which tokens hold characters of the span, and a note if a token also holds characters before it.

    Some tokenizers leave blanks out of a token's characters, so each token is taken to begin where the one before it
    ends.
    """
    start, end = span
    first, last = offsets[:, 0], offsets[:, 1]
    begin = np.minimum(first, np.maximum.accumulate(np.concatenate([[0], last]))[:-1])
    inside = (last > start) & (begin < end)
    across = inside & (begin < start)
    if not across.any():
        return inside, set()
    # A special token of the template may hold the blanks that follow it; it belongs to the template all the same.
    special = across & (first < start) & np.isin(tokens, list(renderer.tokenizer.added_tokens_decoder))
    return inside & ~special, {RowNote.BLANKS_LOST if special.any() else RowNote.TOKEN_ACROSS_BORDER}


def template_required(renderer: Renderer, where: str, arguments: Mapping[str, Any]) -> Template:
    """The renderer's template with a row's own arguments.

    Raises:
        InputError: there is no template, or an argument is not one of its.
    """
    if renderer.template is None:
        raise InputError(
            f"{where}: a conversation, but {renderer.tokenizer.name_or_path} has no chat template to render it with; "
            f"name one in the recipe: `template: plain` (or {', '.join(BUILT_IN[1:])}, or a Jinja file)"
        )
    return with_row_arguments(renderer.template, arguments, where)


def _has_words(tokens: Ints, offsets: Ints, inside: Bools, text: str, renderer: Renderer) -> bool:
    """Whether an answer holds more than special tokens and blanks. An end token alone would teach to say nothing."""
    plain = inside & ~np.isin(tokens, list(renderer.tokenizer.added_tokens_decoder))
    return any(text[start:end].strip() for start, end in offsets[plain])
