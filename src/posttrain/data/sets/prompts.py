"""The prompts of on-policy stages: read, split and encoded, each with its row for the rewards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posttrain.core.group import Ints
from posttrain.data.chat.encode import cut_left, encode_prompt
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example, Message
from posttrain.data.options import DataOptions
from posttrain.data.row_notes import RowNote
from posttrain.data.sets.prepare import NOTE_ROWS, by_part, check_parts
from posttrain.data.sets.split import TRAIN
from posttrain.data.skipped import SkipReason, Skips
from posttrain.data.summary import DataSummary, PartSize
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that the policy answers.

    Args:
        where: ``file:line``.
        messages: the conversation up to the open answer.
        tokens: the same conversation as tokens.
        row: every column of the row, and ``prompt`` under its standard name, for rewards.
        template_arguments: the template arguments of the row itself.
    """

    where: str
    messages: tuple[Message, ...]
    tokens: Ints
    row: Mapping[str, Any]
    template_arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        """The text of the last message, for people."""
        return str(self.messages[-1].get("content") or "")


@dataclass(frozen=True, slots=True)
class Prompts:
    """A stage's prompts.

    Args:
        train: the prompts to train on.
        held_out: the prompts to evaluate on; it may be empty.
        summary: what was read, kept, changed and skipped.
    """

    train: list[Prompt]
    held_out: list[Prompt]
    summary: DataSummary


def read_prompts(
    options: DataOptions,
    renderer: Renderer,
    *,
    answer: int,
    part_of: Callable[[Example], str],
    base: Path,
    on_rows: Callable[[int], None] = lambda n: None,
) -> Prompts:
    """Read a stage's prompts into memory; they are small beside the completions.

    Args:
        answer: the tokens of ``renderer.max_length`` that are reserved for the answer.
        part_of, base, on_rows: see `prepare`.

    Raises:
        InputError: the data are malformed, the answer leaves no room for a prompt, or no row is left to train on.
    """
    room = room_for(renderer, answer)
    skips = Skips()
    parts: dict[str, list[Prompt]] = {}
    for count, (part, _, example) in enumerate(by_part(options, "prompt", part_of, base, skips), start=1):
        if count % NOTE_ROWS == 0:
            on_rows(count)
        prompt = fit_prompt(example, renderer, room)
        if isinstance(prompt, SkipReason):
            skips.add(prompt, example.where)
        else:
            parts.setdefault(part, []).append(prompt)
    check_parts(options, parts, skips)
    train = parts.pop(TRAIN)
    held_out = [prompt for prompts in parts.values() for prompt in prompts]
    summary = DataSummary(
        parts={
            part: PartSize(len(prompts), sum(len(prompt.tokens) for prompt in prompts))
            for part, prompts in {TRAIN: train, **parts}.items()
        },
        skipped=skips.by_reason(),
        noted=dict(renderer.seen),
        unread=dict(skips.unread),
        max_length=renderer.max_length,
    )
    return Prompts(train, held_out, summary)


def room_for(renderer: Renderer, answer: int) -> int:
    """The tokens that a prompt may have beside an answer of `answer` tokens.

    Raises:
        InputError: no token is left for a prompt.
    """
    room = renderer.max_length - answer
    if room < 1:
        raise InputError(
            f"max_new_tokens: {answer} leaves no room for a prompt in max_length {renderer.max_length}; "
            "lower max_new_tokens or raise max_length"
        )
    return room


def fit_prompt(example: Example, renderer: Renderer, room: int) -> Prompt | SkipReason:
    """The prompt in at most `room` tokens, or the reason to skip it."""
    own = example.template_arguments
    tokens = encode_prompt(example.prompt, renderer, where=example.where, tools=example.tools, arguments=own)
    overflow = len(tokens) - room
    if overflow > 0:
        if renderer.truncation == "error":
            raise InputError(
                f"{example.where}: {len(tokens)} tokens, and the answer may take {renderer.max_length - room} of "
                f"max_length {renderer.max_length}; raise max_length, lower max_new_tokens, or set `truncation: drop`"
            )
        if renderer.truncation != "left":
            return SkipReason.PROMPT_TOO_LONG
        renderer.seen[RowNote.CUT_LEFT] += 1
        tokens = cut_left(tokens, overflow, renderer)
    if len(tokens) == 0:
        return SkipReason.NO_PROMPT_TOKEN
    renderer.seen.update(example.notes)
    row = {"prompt": prompt_column(example.prompt), **example.row}
    return Prompt(example.where, example.prompt, tokens, row, own)


def prompt_column(messages: tuple[Message, ...]) -> Any:
    """The value of a ``prompt`` column: the text of a lone user message, or the list of messages."""
    lone = len(messages) == 1 and messages[0]["role"] == "user"
    return messages[0]["content"] if lone else [dict(message) for message in messages]
