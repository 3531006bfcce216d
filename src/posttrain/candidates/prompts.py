"""Prompts that several models answer: each is read once and encoded with the tokenizer of each model."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from posttrain.data.sets.split import TRAIN, request_key
from posttrain.data.skipped import SkipReason, Skips
from posttrain.data.summary import DataSummary, PartSize
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class CandidatePrompt:
    """A prompt that several models answer, for people to rank the answers.

    Args:
        id: the row's own id, or a hash of the prompt.
        where: ``file:line``.
        messages: the conversation up to the open answer.
        tools: JSON schemas, if the row has any.
        tokens: the prompt's token ids for each model, in the models' order.
        columns: further columns of the row, which the row of its candidates keeps.
        template_arguments: the template arguments of the row itself.
    """

    id: str
    where: str
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] | None
    tokens: tuple[Ints, ...]
    columns: Mapping[str, Any] = field(default_factory=dict[str, Any])
    template_arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_prompts_for_candidates(
    options: RowOptions,
    renderers: Sequence[Renderer],
    *,
    answer: int,
    base: Path,
    keep_columns: Sequence[str] = (),
    on_rows: Callable[[int], None] = lambda n: None,
) -> tuple[list[CandidatePrompt], DataSummary]:
    """Read each prompt of a stage's data once.

    A prompt that is too long for one of the models is left out for all of them.

    Args:
        renderers: one for each model that reads tokens.
        answer: tokens kept free for the answer.
        keep_columns: further columns that every row must have, and that its prompt keeps.

    Returns:
        the prompts, and a summary of what was read, kept, changed and skipped.

    Raises:
        InputError: malformed data, a missing column, an id that two prompts share, no room for a prompt, or no
                prompt left.
    """
    rooms = [room_for(renderer, answer) for renderer in renderers]
    skips = Skips()
    by_id: dict[str, CandidatePrompt] = {}
    keys: set[str] = set()
    count = 0
    for source in options.data:
        rows = islice(read_rows(source.path, base=base), source.rows)
        for example in read_examples(rows, "prompt", source.columns, skipped=skips):
            count += 1
            if count % NOTE_ROWS == 0:
                on_rows(count)
            key = _digest(example)
            if key in keys:
                skips.add(SkipReason.PROMPT_REPEATED, example.where)
                continue
            fitted = [fit_prompt(example, renderer, room) for renderer, room in zip(renderers, rooms, strict=True)]
            reason = next((result for result in fitted if isinstance(result, SkipReason)), None)
            if reason is not None:
                skips.add(reason, example.where)
                continue
            name = _id(example) or key
            if name in by_id:
                raise InputError(
                    f"{example.where}: {by_id[name].where} has the same id {name}; give each prompt its own id"
                )
            tokens = tuple(result.tokens for result in fitted if not isinstance(result, SkipReason))
            kept = _kept(example, keep_columns)
            own = example.template_arguments
            by_id[name] = CandidatePrompt(name, example.where, example.prompt, example.tools, tokens, kept, own)
            keys.add(key)
    if not by_id:
        raise InputError(f"data: no prompt is left. {'; '.join(skips.lines()) or 'The sources are empty'}")
    prompts = list(by_id.values())
    noted = sum((renderer.seen for renderer in renderers), Counter[str]())
    longest = [max((len(tokens) for tokens in prompt.tokens), default=0) for prompt in prompts]
    summary = DataSummary(
        parts={TRAIN: PartSize(len(prompts), sum(longest))},
        skipped=skips.by_reason(),
        noted=dict(noted),
        unread={column: rows for column, rows in skips.unread.items() if column not in keep_columns},
    )
    return prompts, summary


def _kept(example: Example, columns: Sequence[str]) -> dict[str, Any]:
    missing = next((column for column in columns if column not in example.row), None)
    if missing is not None:
        raise InputError(
            f"{example.where}: no column `{missing}`, which keep_columns names; the row has {', '.join(example.row)}"
        )
    return {column: example.row[column] for column in columns}


def _id(example: Example) -> str | None:
    value = example.row.get("id")
    return None if value is None or isinstance(value, bool) or not isinstance(value, str | int) else str(value) or None


def _digest(example: Example) -> str:
    return hashlib.blake2b(request_key(example).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
