"""Messages become tokens and loss masks: a conversation is rendered once and tokenised once; offsets give the mask."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from posttrain.core.group import Bools, Completion, Floats, Group, Ints
from posttrain.core.packing import WEIGHT
from posttrain.data.chat.answer_spans import answer_spans
from posttrain.data.chat.lost_in_rendering import lost_in_rendering
from posttrain.data.chat.renderer import Renderer
from posttrain.data.chat.template import (
    BUILT_IN,
    Template,
    render_conversation,
    with_row_arguments,
)
from posttrain.data.example import Example, Message
from posttrain.data.formats.messages import LEARNT, MESSAGE_WEIGHT
from posttrain.data.reasoning import end_of_trace, is_written, left_out, trace_of, without_traces
from posttrain.data.row_notes import RowNote, TurnNote
from posttrain.data.skipped import SkipReason
from posttrain.errors import InputError

_NO_LOSS = {
    RowNote.ANSWER_REWRITTEN: SkipReason.ANSWER_REWRITTEN,
    RowNote.ANSWER_WITHOUT_WORDS: SkipReason.ANSWER_WITHOUT_WORDS,
}
"""The note on an answer without loss → the reason to skip its row."""

_Answers = list[tuple[Ints, Bools]]
"""Tokens and loss mask of each completion, without the prompt."""


@dataclass(frozen=True, slots=True)
class _Text:
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


def encode_example(example: Example, renderer: Renderer, *, wordless: bool = False) -> Group | SkipReason:
    """Tokens and loss mask of a row, or the reason to skip it.

    The notes on a kept row are counted in ``renderer.seen``, each once a row: the reader's own, those of
    `lost_in_rendering`, and these. CUT_LEFT and CUT_RIGHT: the row was truncated. TOKEN_ACROSS_BORDER: a token holds
    the prompt's last and the completion's first characters; it bears loss. BLANKS_LOST: the template's special token
    before the answer holds the answer's leading blanks; it bears no loss. ANSWER_REWRITTEN: see `answer_spans`.
    ANSWER_WITHOUT_WORDS: the template leaves the end token alone of an answer; the token bears no loss.

    The answers of a kept row that are not learnt, have a weight or a reasoning trace are counted in
    ``renderer.turns``.

    Args:
        wordless: whether the end token of an answer without words bears loss too; a reward model needs it.

    Raises:
        InputError: the row is too long and truncation is "error", the template refuses the conversation, or a message
            of a row with several completions has a weight.
    """
    if len(example.completions) > 1 and any(MESSAGE_WEIGHT in m for c in example.completions for m in c):
        raise InputError(
            f"{example.where}: a message has a weight; only 0 and 1 have a meaning in a row with several completions"
        )
    if any(not _has_learnt_answer(completion) for completion in example.completions):
        return SkipReason.NOT_LEARNT
    given = example
    if renderer.reasoning == "drop" and not example.raw:
        example = without_traces(example)
    texts = [
        _raw(example, c, renderer) if example.raw else _weighted(example, c, renderer, wordless)
        for c in example.completions
    ]
    notes = set(example.notes).union(*(text.notes for text in texts))
    if any(not text.loss.any() for text in texts):
        return next((reason for note, reason in _NO_LOSS.items() if note in notes), SkipReason.NO_LOSS)
    shared = _shared_length(texts)
    if shared == 0:
        return SkipReason.NO_PROMPT_TOKEN
    prompt = texts[0].tokens[:shared]
    answers = [(text.tokens[shared:], text.loss[shared:]) for text in texts]
    overflow = shared + max(len(tokens) for tokens, _ in answers) - renderer.max_length
    if overflow > 0:
        truncated = _truncated(prompt, answers, overflow, renderer, example.where)
        if isinstance(truncated, SkipReason):
            return truncated
        prompt, answers, note = truncated
        notes.add(note)
        if any(not loss.any() for _, loss in answers):
            return SkipReason.NO_LOSS
    if len(answers) > 1 and all(np.array_equal(tokens, answers[0][0]) for tokens, _ in answers[1:]):
        return SkipReason.SAME_TOKENS
    renderer.seen.update(sorted(notes))
    renderer.turns.update(_turns(given, renderer))
    for text in texts:
        renderer.turns.update(text.traces)
    columns = {name: np.array(values, dtype=np.float32) for name, values in example.columns.items()}
    weight = texts[0].weight
    if weight is not None:
        tokens, loss = answers[0]
        columns[WEIGHT] = weight[shared : shared + len(tokens)][loss]
    return Group(
        where=example.where,
        prompt=prompt,
        completions=tuple(Completion(tokens, loss) for tokens, loss in answers),
        columns=columns,
    )


def encode_prompt(
    messages: Sequence[Message],
    renderer: Renderer,
    *,
    where: str,
    tools: Any = None,
    arguments: Mapping[str, Any] | None = None,
) -> Ints:
    """Tokens of a conversation up to the open answer; generation starts from them.

    Args:
        arguments: template arguments of the prompt itself; they override the recipe's.
    """
    template = _template(renderer, where, arguments or {})
    text = render_conversation(template, messages, where=where, tools=tools, open_answer=True)
    return np.array(renderer.tokenizer(text, add_special_tokens=False)["input_ids"], dtype=np.int32)


def cut_left(prompt: Ints, overflow: int, renderer: Renderer) -> Ints:
    """The prompt without its first tokens. A start token stays, since the model has seen no text without it."""
    if len(prompt) > overflow + 1 and prompt[0] == renderer.tokenizer.bos_token_id:
        return np.concatenate([prompt[:1], prompt[overflow + 1 :]])
    return prompt[overflow:]


def _truncated(
    prompt: Ints, answers: _Answers, overflow: int, renderer: Renderer, where: str
) -> tuple[Ints, _Answers, RowNote] | SkipReason:
    """A prompt and answers that are `overflow` tokens too long, cut as the recipe wants."""
    if renderer.truncation == "error":
        raise InputError(
            f"{where}: {renderer.max_length + overflow} tokens, more than max_length {renderer.max_length}; "
            "raise max_length, or set `truncation: drop`, `left` or `right`"
        )
    if renderer.truncation == "drop":
        return SkipReason.TOO_LONG
    if renderer.truncation == "left" and overflow < len(prompt):
        return cut_left(prompt, overflow, renderer), answers, RowNote.CUT_LEFT
    if renderer.truncation == "right" and len(prompt) < renderer.max_length:
        room = renderer.max_length - len(prompt)
        return prompt, [(tokens[:room], loss[:room]) for tokens, loss in answers], RowNote.CUT_RIGHT
    return SkipReason.TOO_LONG_WHEN_CUT


def _template(renderer: Renderer, where: str, arguments: Mapping[str, Any]) -> Template:
    if renderer.template is None:
        raise InputError(
            f"{where}: a conversation, but {renderer.tokenizer.name_or_path} has no chat template to render it with; "
            f"name one in the recipe: `template: plain` (or {', '.join(BUILT_IN[1:])}, or a Jinja file)"
        )
    return with_row_arguments(renderer.template, arguments, where)


def _weighted(example: Example, completion: Sequence[Message], renderer: Renderer, wordless: bool) -> _Text:
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


def _turns(example: Example, renderer: Renderer) -> dict[str, int]:
    """The number of answers that are not learnt, have a weight, or have a reasoning trace."""
    answers = [m for completion in example.completions for m in completion if m["role"] == "assistant"]
    counts = {
        TurnNote.NOT_LEARNT: sum(not m.get(LEARNT, True) for m in answers),
        TurnNote.WEIGHTED: sum(MESSAGE_WEIGHT in m for m in answers),
        TurnNote.TRACE: (traces := 0 if example.raw else sum(bool(trace_of(m)) for m in answers)),
        TurnNote.TRACE_DROPPED: traces if renderer.reasoning == "drop" else 0,
    }
    return {note: count for note, count in counts.items() if count}


def _chat(example: Example, completion: Sequence[Message], renderer: Renderer, wordless: bool) -> _Text:
    """A conversation; loss falls on the answers and their end tokens."""
    template = _template(renderer, example.where, example.template_arguments)
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
    return _Text(tokens, loss, frozenset(notes), traces=+traces, masked=min(masked, default=None))


def _raw(example: Example, completion: Sequence[Message], renderer: Renderer) -> _Text:
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
    return _Text(
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


def _has_learnt_answer(completion: Sequence[Message]) -> bool:
    """Whether the author lets an answer of the completion be learnt."""
    return any(message["role"] == "assistant" and message.get(LEARNT, True) for message in completion)


def _has_words(tokens: Ints, offsets: Ints, inside: Bools, text: str, renderer: Renderer) -> bool:
    """Whether an answer holds more than special tokens and blanks. An end token alone would teach to say nothing."""
    plain = inside & ~np.isin(tokens, list(renderer.tokenizer.added_tokens_decoder))
    return any(text[start:end].strip() for start, end in offsets[plain])


def _shared_length(texts: Sequence[_Text]) -> int:
    """The number of first tokens that all completions share, at most the length of the shortest prompt."""
    most = min(text.prompt_length for text in texts)
    first = texts[0].tokens[:most]
    for text in texts[1:]:
        differs = np.flatnonzero(first != text.tokens[: len(first)])
        if len(differs):
            first = first[: differs[0]]
    return len(first)
