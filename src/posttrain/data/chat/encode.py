"""From messages to tokens and loss masks: rendered once, tokenised once, the border found by offsets."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posttrain.core.group import Bools, Completion, Group, Ints
from posttrain.data.chat.template import BUILT_IN, Template, answer_spans, render
from posttrain.data.example import Example, Message
from posttrain.data.formats.messages import KNOWN_KEYS, LEARNT, REASONING
from posttrain.data.options import Truncation
from posttrain.data.row_notes import RowNote, key_dropped
from posttrain.data.skipped import SkipReason
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class Renderer:
    """All that turns an `Example` into a `Group`.

    Args:
        tokenizer: the model's, a fast one.
        template: its chat template; None where only raw text is read.
        end_tokens: ids that end an answer. Loss reaches the last of them in an answer, and nothing after it.
        max_length: tokens of a prompt with one completion, at most.
        truncation: what to do with more: "error" stops; "drop" leaves the row out; "left" cuts the start of the
            prompt; "right" cuts the end of the completion (the model then does not learn to stop there).
        seen: rows that something happened to on the way, by what it was; see `encode`.
        prefill: what the template opens an answer with; see `prefill_of`.
    """

    tokenizer: Any
    template: Template | None
    end_tokens: frozenset[int]
    max_length: int
    truncation: Truncation = "drop"
    seen: Counter[str] = field(default_factory=Counter)
    prefill: str = ""


_NO_LOSS = {
    RowNote.ANSWER_REWRITTEN: SkipReason.ANSWER_REWRITTEN,
    RowNote.ANSWER_WITHOUT_WORDS: SkipReason.ANSWER_WITHOUT_WORDS,
}
"""The note on an answer without loss → the reason to skip the row."""

_MESSAGE_LOST = {
    "system": RowNote.SYSTEM_DROPPED,
    "developer": RowNote.DEVELOPER_DROPPED,
    "user": RowNote.USER_DROPPED,
    "tool": RowNote.TOOL_DROPPED,
    "assistant": RowNote.ASSISTANT_CHANGED,
}
"""A message's role → the note on a message that its rendering does not hold."""


@dataclass(frozen=True, slots=True)
class _Text:
    """One completion with its prompt, tokenised, and what is to be told about it."""

    tokens: Ints
    loss: Bools
    notes: frozenset[str]

    @property
    def cut(self) -> int:
        """How many tokens are the prompt's: those before the first that bears loss."""
        return int(np.argmax(self.loss))


def encode(example: Example, renderer: Renderer, *, wordless: bool = False) -> Group | SkipReason:
    """Tokens and loss mask of a row, or the reason for leaving it out.

    Args:
        wordless: whether the end token of an answer without words bears loss too, as scoring needs it.

    Counts in ``renderer.seen``, once for each row that is kept: "cut left", "cut right" (truncated); "token across the
    border" (it holds the prompt's last and the completion's first characters, and bears loss); "leading blanks of an
    answer lost" (in the template's token before it, which bears none); "rewritten answer" (see `answer_spans`); "answer
    without words" (its end token alone, which bears no loss); "system message dropped" and what else of the
    conversation the template leaves out.

    Raises:
        InputError: the row is too long and truncation is "error", or the template refuses it.
    """
    if any(not _to_learn(completion) for completion in example.completions):
        return SkipReason.NOT_LEARNT
    texts = [
        _raw(example, c, renderer) if example.raw else _chat(example, c, renderer, wordless)
        for c in example.completions
    ]
    notes = set(example.notes).union(*(text.notes for text in texts))
    if any(not text.loss.any() for text in texts):
        return next((reason for note, reason in _NO_LOSS.items() if note in notes), SkipReason.NO_LOSS)
    shared = _shared(texts)
    if shared == 0:
        return SkipReason.NO_PROMPT_TOKEN
    prompt = texts[0].tokens[:shared]
    answers = [(text.tokens[shared:], text.loss[shared:]) for text in texts]
    overflow = shared + max(len(tokens) for tokens, _ in answers) - renderer.max_length
    if overflow > 0:
        if renderer.truncation == "error":
            raise InputError(
                f"{example.where}: {renderer.max_length + overflow} tokens, more than max_length "
                f"{renderer.max_length}; "
                "raise max_length, or say `truncation: drop`, `left` or `right`"
            )
        if renderer.truncation == "drop":
            return SkipReason.TOO_LONG
        if renderer.truncation == "left" and overflow < shared:
            notes.add(RowNote.CUT_LEFT)
            prompt = cut_left(prompt, overflow, renderer)
        elif renderer.truncation == "right" and shared < renderer.max_length:
            notes.add(RowNote.CUT_RIGHT)
            room = renderer.max_length - shared
            answers = [(tokens[:room], loss[:room]) for tokens, loss in answers]
        else:
            return SkipReason.TOO_LONG_WHEN_CUT
        if any(not loss.any() for _, loss in answers):
            return SkipReason.NO_LOSS
    if len(answers) > 1 and all(np.array_equal(tokens, answers[0][0]) for tokens, _ in answers[1:]):
        return SkipReason.SAME_TOKENS
    renderer.seen.update(sorted(notes))
    return Group(
        where=example.where,
        prompt=prompt,
        completions=tuple(Completion(tokens, loss) for tokens, loss in answers),
        columns={name: np.array(values, dtype=np.float32) for name, values in example.columns.items()},
    )


def encode_prompt(messages: Sequence[Message], renderer: Renderer, *, where: str, tools: Any = None) -> Ints:
    """Tokens of a conversation up to the open answer, as generation starts from."""
    text = render(_template(renderer, where), messages, where=where, tools=tools, open_answer=True)
    return np.array(renderer.tokenizer(text, add_special_tokens=False)["input_ids"], dtype=np.int32)


def _template(renderer: Renderer, where: str) -> Template:
    if renderer.template is None:
        raise InputError(
            f"{where}: a conversation, but {renderer.tokenizer.name_or_path} has no chat template to render it with; "
            f"name one in the recipe: `template: plain` (or {', '.join(BUILT_IN[1:])}, or a Jinja file)"
        )
    return renderer.template


def _chat(example: Example, completion: Sequence[Message], renderer: Renderer, wordless: bool) -> _Text:
    text, spans, lost = answer_spans(
        _template(renderer, example.where), example.prompt, completion, where=example.where, tools=example.tools
    )
    notes = _left_out(example, completion, text) | ({RowNote.ANSWER_REWRITTEN} if lost else set[str]())
    tokens, offsets = _tokenised(text, renderer)
    loss = np.zeros(len(tokens), dtype=np.bool_)
    whole = len(spans) == sum(1 for m in completion if m["role"] == "assistant" and m.get(LEARNT, True))
    for span in spans:
        inside, told = _written(tokens, offsets, span, renderer)
        if (
            whole and not wordless and not _has_words(tokens, offsets, inside, text, renderer)
        ):  # else a span is a part of an answer
            notes.add(RowNote.ANSWER_WITHOUT_WORDS)
            continue
        ends = np.flatnonzero(inside & np.isin(tokens, list(renderer.end_tokens)))
        if len(ends):
            inside[ends[-1] + 1 :] = False
        loss |= inside
        notes |= told
    return _Text(tokens, loss, frozenset(notes))


def _raw(example: Example, completion: Sequence[Message], renderer: Renderer) -> _Text:
    """Plain text between a start and an end token; loss falls on all but the prompt."""
    head, tail = ("".join(m["content"] for m in messages) for messages in (example.prompt, completion))
    eos = renderer.tokenizer.eos_token_id
    bos = renderer.tokenizer.bos_token_id if renderer.tokenizer.bos_token_id is not None else eos
    if eos is None:
        raise InputError(
            f"{renderer.tokenizer.name_or_path}: the tokenizer has no end token, so texts cannot be told apart"
        )
    tokens, offsets = _tokenised(head + tail, renderer)
    inside, notes = _written(tokens, offsets, (len(head), len(head + tail)), renderer)
    return _Text(
        np.concatenate([[bos], tokens, [eos]]).astype(np.int32),
        np.concatenate([[False], inside, [True]]),
        frozenset(notes),
    )


def _tokenised(text: str, renderer: Renderer) -> tuple[Ints, Ints]:
    """Tokens [T] and their characters [T, 2], special tokens only where the text has them."""
    encoded: Mapping[str, Any] = renderer.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = np.array(encoded["offset_mapping"], dtype=np.int32).reshape(-1, 2)
    return np.array(encoded["input_ids"], dtype=np.int32), offsets


def _written(tokens: Ints, offsets: Ints, span: tuple[int, int], renderer: Renderer) -> tuple[Bools, set[str]]:
    """Which tokens hold characters of the span, and a note on one that holds characters before it as well.

    Some tokenizers leave blanks out of a token's characters, so each token reaches back to the one before it.
    """
    start, end = span
    first, last = offsets[:, 0], offsets[:, 1]
    reach = np.minimum(first, np.maximum.accumulate(np.concatenate([[0], last]))[:-1])
    inside = (last > start) & (reach < end)
    across = inside & (reach < start)
    if not across.any():
        return inside, set()
    # A special token may swallow the blanks that follow it; it is the template's for all that.
    special = across & (first < start) & np.isin(tokens, list(renderer.tokenizer.added_tokens_decoder))
    return inside & ~special, {RowNote.BLANKS_LOST if special.any() else RowNote.TOKEN_ACROSS_BORDER}


def _to_learn(completion: Sequence[Message]) -> bool:
    """Whether an answer of the completion is to be learnt."""
    return any(message["role"] == "assistant" and message.get(LEARNT, True) for message in completion)


def _has_words(tokens: Ints, offsets: Ints, inside: Bools, text: str, renderer: Renderer) -> bool:
    """Whether an answer holds more than special tokens and blanks: an end token alone would teach to say nothing."""
    plain = inside & ~np.isin(tokens, list(renderer.tokenizer.added_tokens_decoder))
    return any(text[start:end].strip() for start, end in offsets[plain])


def _left_out(example: Example, completion: Sequence[Message], text: str) -> set[str]:
    """What of a conversation its rendering lacks."""
    notes: set[str] = set()
    for message in (*example.prompt, *completion):
        role = message["role"]
        if not _stands_in(message.get("content") or "", text):
            notes.add(_MESSAGE_LOST[role])
        if not _stands_in(message.get(REASONING, ""), text):
            notes.add(RowNote.REASONING_DROPPED)
        for call in message.get("tool_calls", ()):
            if call["function"]["name"] not in text:
                notes.add(RowNote.CALL_DROPPED)
            elif not all(_stands_in(value, text) for value in _texts_of(call["function"]["arguments"])):
                notes.add(RowNote.ARGUMENTS_DROPPED)
        if role != "tool" and not _stands_in(str(message.get("name", "")), text):
            notes.add(RowNote.NAME_DROPPED)
        for key in message.keys() - KNOWN_KEYS:
            if not all(_stands_in(value, text) for value in _texts_of(message[key])):
                notes.add(key_dropped(key))
    if any(tool["function"]["name"] not in text for tool in example.tools or ()):
        notes.add(RowNote.TOOLS_DROPPED)
    return notes


def _stands_in(words: str, text: str) -> bool:
    """Whether a rendering holds some words as they are, or as JSON writes them."""
    words = words.strip()
    return words in text or json.dumps(words, ensure_ascii=False)[1:-1] in text or json.dumps(words)[1:-1] in text


def _texts_of(value: Any) -> Iterator[str]:
    """Every text and number inside a value; a blank one says nothing."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_of(inner)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _shared(texts: Sequence[_Text]) -> int:
    """How many first tokens all completions share, no further than any prompt reaches."""
    most = min(text.cut for text in texts)
    first = texts[0].tokens[:most]
    for text in texts[1:]:
        differs = np.flatnonzero(first != text.tokens[: len(first)])
        if len(differs):
            first = first[: differs[0]]
    return len(first)


def cut_left(prompt: Ints, overflow: int, renderer: Renderer) -> Ints:
    """The prompt without its first tokens; a start token stays, since the model has seen no text without it."""
    if len(prompt) > overflow + 1 and prompt[0] == renderer.tokenizer.bos_token_id:
        return np.concatenate([prompt[:1], prompt[overflow + 1 :]])
    return prompt[overflow:]
