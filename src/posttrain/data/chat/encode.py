"""Messages become groups of tokens: prompts are shared, and rows that are too long are cut or skipped."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posttrain.core.group import Bools, Completion, Group, Ints
from posttrain.core.packing import WEIGHT
from posttrain.data.chat.loss_mask import MaskedText, masked_conversation, masked_raw_text, template_required
from posttrain.data.chat.renderer import Renderer
from posttrain.data.chat.template import render_conversation
from posttrain.data.example import Example, Message
from posttrain.data.formats.messages import LEARNT, MESSAGE_WEIGHT
from posttrain.data.reasoning import trace_of, without_traces
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
        masked_raw_text(example, c, renderer) if example.raw else masked_conversation(example, c, renderer, wordless)
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
    template = template_required(renderer, where, arguments or {})
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


def _has_learnt_answer(completion: Sequence[Message]) -> bool:
    """Whether the author lets an answer of the completion be learnt."""
    return any(message["role"] == "assistant" and message.get(LEARNT, True) for message in completion)


def _shared_length(texts: Sequence[MaskedText]) -> int:
    """The number of first tokens that all completions share, at most the length of the shortest prompt."""
    most = min(text.prompt_length for text in texts)
    first = texts[0].tokens[:most]
    for text in texts[1:]:
        differs = np.flatnonzero(first != text.tokens[: len(first)])
        if len(differs):
            first = first[: differs[0]]
    return len(first)
