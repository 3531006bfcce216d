"""From messages to tokens and loss masks: rendered once, tokenised once, the border found by offsets."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posttrain.core.group import Bools, Completion, Group, Ints
from posttrain.data.example import Example, Message
from posttrain.data.options import Truncation
from posttrain.data.template import BUILT_IN, Template, answer_spans, render
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class Codec:
    """All that turns an `Example` into a `Group`.

    Args:
        tokenizer: the model's, a fast one.
        template: its chat template; None where only raw text is read.
        end_tokens: ids that end an answer. Loss reaches the last of them in an answer, and nothing after it.
        max_length: tokens of a prompt with one completion, at most.
        truncation: what to do with more: "error" stops; "drop" leaves the row out; "left" cuts the start of the
            prompt; "right" cuts the end of the completion (the model then does not learn to stop there).
        seen: counts of what happened on the way, by reason; see `encode`.
    """

    tokenizer: Any
    template: Template | None
    end_tokens: frozenset[int]
    max_length: int
    truncation: Truncation = "drop"
    seen: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Text:
    """One completion with its prompt, tokenised: `cut` tokens are the prompt's."""

    tokens: Ints
    loss: Bools
    cut: int


def encode(example: Example, codec: Codec) -> Group | str:
    """Tokens and loss mask of a row, or the reason for leaving it out.

    Counts in ``codec.seen``: "cut left", "cut right" (rows truncated), "token across the border" (a token that
    holds the prompt's last and the completion's first characters; it bears loss), "rewritten answer" (see
    `answer_spans`), "system message dropped".

    Raises:
        InputError: the row is too long and truncation is "error", or the template refuses it.
    """
    texts = [_raw(example, c, codec) if example.raw else _chat(example, c, codec) for c in example.completions]
    if any(not text.loss.any() for text in texts):
        return "no token bears loss"
    shared = _shared(texts)
    prompt = texts[0].tokens[:shared]
    answers = [(text.tokens[shared:], text.loss[shared:]) for text in texts]
    overflow = shared + max(len(tokens) for tokens, _ in answers) - codec.max_length
    if overflow > 0:
        if codec.truncation == "error":
            raise InputError(
                f"{example.where}: {codec.max_length + overflow} tokens, more than max_length {codec.max_length}; "
                "raise max_length, or say `truncation: drop`, `left` or `right`"
            )
        if codec.truncation == "drop":
            return "longer than max_length"
        if codec.truncation == "left" and overflow < shared:
            codec.seen["cut left"] += 1
            prompt = prompt[overflow:]
        elif codec.truncation == "right" and shared < codec.max_length:
            codec.seen["cut right"] += 1
            room = codec.max_length - shared
            answers = [(tokens[:room], loss[:room]) for tokens, loss in answers]
        else:
            return "longer than max_length, however cut"
        if any(not loss.any() for _, loss in answers):
            return "no token bears loss"
    if len(answers) > 1 and all(np.array_equal(tokens, answers[0][0]) for tokens, _ in answers[1:]):
        return "completions are the same tokens"
    return Group(
        where=example.where,
        prompt=prompt,
        completions=tuple(Completion(tokens, loss) for tokens, loss in answers),
        columns={name: np.array(values, dtype=np.float32) for name, values in example.columns.items()},
    )


def encode_prompt(messages: Sequence[Message], codec: Codec, *, where: str, tools: Any = None) -> Ints:
    """Tokens of a conversation up to the open answer, as generation starts from."""
    text = render(_template(codec, where), messages, where=where, tools=tools, open_answer=True)
    return np.array(codec.tokenizer(text, add_special_tokens=False)["input_ids"], dtype=np.int32)


def _template(codec: Codec, where: str) -> Template:
    if codec.template is None:
        raise InputError(
            f"{where}: a conversation, but {codec.tokenizer.name_or_path} has no chat template to write it down with; "
            f"name one in the recipe: `template: plain` (or {', '.join(BUILT_IN[1:])}, or a Jinja file)"
        )
    return codec.template


def _chat(example: Example, completion: Sequence[Message], codec: Codec) -> _Text:
    text, spans, lost = answer_spans(
        _template(codec, example.where), example.prompt, completion, where=example.where, tools=example.tools
    )
    codec.seen["rewritten answer"] += lost
    codec.seen["system message dropped"] += any(
        message["role"] == "system" and message["content"] not in text for message in example.prompt
    )
    encoded: Mapping[str, Any] = codec.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens = np.array(encoded["input_ids"], dtype=np.int32)
    offsets = np.array(encoded["offset_mapping"], dtype=np.int64).reshape(-1, 2)
    loss = np.zeros(len(tokens), dtype=np.bool_)
    for start, end in spans:
        inside = (offsets[:, 1] > start) & (offsets[:, 0] < end) & (offsets[:, 1] > offsets[:, 0])
        codec.seen["token across the border"] += bool(np.any(inside & (offsets[:, 0] < start)))
        ends = np.flatnonzero(inside & np.isin(tokens, list(codec.end_tokens)))
        if len(ends):
            inside[ends[-1] + 1 :] = False
        loss |= inside
    return _Text(tokens, loss, int(np.argmax(loss)))


def _raw(example: Example, completion: Sequence[Message], codec: Codec) -> _Text:
    """Plain text between a start and an end token; loss falls on all but the prompt."""
    head, tail = ("".join(m["content"] for m in messages) for messages in (example.prompt, completion))
    encoded: Mapping[str, Any] = codec.tokenizer(head + tail, add_special_tokens=False, return_offsets_mapping=True)
    eos = codec.tokenizer.eos_token_id
    bos = codec.tokenizer.bos_token_id if codec.tokenizer.bos_token_id is not None else eos
    if eos is None:
        raise InputError(
            f"{codec.tokenizer.name_or_path}: the tokenizer has no end token, so texts cannot be told apart"
        )
    tokens = np.array([bos, *encoded["input_ids"], eos], dtype=np.int32)
    ends = np.array([end for _, end in encoded["offset_mapping"]], dtype=np.int64)
    loss = np.concatenate([[False], ends > len(head), [True]]).astype(np.bool_)
    return _Text(tokens, loss, int(np.argmax(loss)))


def _shared(texts: Sequence[_Text]) -> int:
    """How many first tokens all completions share, no further than any prompt reaches."""
    most = min(text.cut for text in texts)
    first = texts[0].tokens[:most]
    for text in texts[1:]:
        differs = np.flatnonzero(first[: len(first)] != text.tokens[: len(first)])
        if len(differs):
            first = first[: differs[0]]
    return len(first)
