"""Prompts put to several models: read once, encoded as each of them reads conversations."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.core.group import Ints
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example, Message
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.options import RowOptions
from posttrain.data.sets.prepare import NOTE_ROWS
from posttrain.data.sets.prompts import fit_prompt, room_for
from posttrain.data.sets.split import TRAIN, prompt_key
from posttrain.data.skipped import SkipReason, Skips
from posttrain.data.summary import DataSummary, PartSize
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class Ask:
    """A prompt.

    Args:
        id: the row's own, or a hash of the prompt.
        where: ``file:line``.
        messages: the conversation up to the open answer.
        tools: JSON schemas, if the row has any.
        tokens: the same as each model reads it, in the models' order.
    """

    id: str
    where: str
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] | None
    tokens: tuple[Ints, ...]


def read_asks(
    options: RowOptions,
    renderers: Sequence[Renderer],
    *,
    answer: int,
    base: Path,
    on_rows: Callable[[int], None] = lambda n: None,
) -> tuple[list[Ask], DataSummary]:
    """All prompts of a stage's data, each once. What is too long for one of the models is asked of none.

    Args:
        renderers: one a model that reads tokens.
        answer: tokens kept free for the answer.

    Returns:
        the prompts, and what was read, kept, changed and skipped.

    Raises:
        InputError: malformed data, an id that stands twice, no room for a prompt, or no prompt left.
    """
    rooms = [room_for(renderer, answer) for renderer in renderers]
    skips = Skips()
    found: dict[str, Ask] = {}
    prompts: set[str] = set()
    count = 0
    for source in options.data:
        rows = islice(read_rows(source.path, base=base), source.rows)
        for example in read_examples(rows, "prompt", source.columns, skipped=skips):
            count += 1
            if count % NOTE_ROWS == 0:
                on_rows(count)
            key = _digest(example)
            if key in prompts:
                skips.add(SkipReason.PROMPT_REPEATED, example.where)
                continue
            some = [fit_prompt(example, renderer, room) for renderer, room in zip(renderers, rooms, strict=True)]
            reason = next((one for one in some if isinstance(one, SkipReason)), None)
            if reason is not None:
                skips.add(reason, example.where)
                continue
            name = _id(example) or key
            if name in found:
                raise InputError(
                    f"{example.where}: the id {name} is also that of {found[name].where}; give each prompt its own"
                )
            tokens = tuple(one.tokens for one in some if not isinstance(one, SkipReason))
            found[name] = Ask(name, example.where, example.prompt, example.tools, tokens)
            prompts.add(key)
    if not found:
        raise InputError(f"data: no prompt is left. {'; '.join(skips.lines()) or 'The sources are empty'}")
    asks = list(found.values())
    noted = sum((renderer.seen for renderer in renderers), Counter[str]())
    longest = [max((len(tokens) for tokens in ask.tokens), default=0) for ask in asks]
    summary = DataSummary(
        parts={TRAIN: PartSize(len(asks), sum(longest))},
        skipped=skips.by_reason(),
        noted=dict(noted),
        unread=dict(skips.unread),
    )
    return asks, summary


def _id(example: Example) -> str | None:
    value = example.row.get("id")
    return None if value is None or isinstance(value, bool) or not isinstance(value, str | int) else str(value) or None


def _digest(example: Example) -> str:
    return hashlib.blake2b(prompt_key(example).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
