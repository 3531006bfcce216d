"""The token budget: what the trainer will do to each row of a stage's data, such as cut it or leave it out.

The rows go through the trainer's own reading and encoding, so this is no estimate.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.console import Advance
from posttrain.data.chat.encode import Renderer, encode_example
from posttrain.data.example import Example
from posttrain.data.formats.conventions import Kind
from posttrain.data.options import DataOptions
from posttrain.data.row_notes import RowNote
from posttrain.data.sets.prepare import by_part
from posttrain.data.sets.prompts import Prompt, fit_prompt, room_for
from posttrain.data.sets.split import TRAIN
from posttrain.data.skipped import SkipReason, Skips

CUT = Rule(
    "rows-cut",
    "warn",
    "rows will be cut to max_length",
    "raise max_length, or shorten the rows: a cut answer has no end token, and a cut prompt lacks its start",
)
DROPPED = Rule(
    "rows-too-long",
    "warn",
    "rows will be left out, since they are longer than max_length",
    "raise max_length, split the rows, or set `truncation: left` or `right`",
)
ALL_TOO_LONG = replace(
    DROPPED, severity="block", what="rows will be left out, since they are longer than max_length; no row is left"
)
UNKNOWN = Rule(
    "unknown-characters",
    "warn",
    "rows hold characters that the tokenizer does not know",
    "use another tokenizer, or replace these characters: the model reads them all as the same unknown token",
)
NO_LOSS = Rule(
    "rows-without-loss",
    "warn",
    "rows will be left out, since none of their tokens bears loss",
    "read the reason at each row; usually the template rewrites or drops the answer",
)
CHANGED = Rule(
    "rows-changed",
    "info",
    "rows lose or change a part when the template renders them",
    "read the note at each row; another template may keep the part",
)

_TOO_LONG = (SkipReason.TOO_LONG, SkipReason.TOO_LONG_WHEN_CUT, SkipReason.PROMPT_TOO_LONG)
_WITHOUT_LOSS = (
    SkipReason.NO_LOSS,
    SkipReason.ANSWER_REWRITTEN,
    SkipReason.ANSWER_WITHOUT_WORDS,
    SkipReason.NO_PROMPT_TOKEN,
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What the trainer does to each row.

    Args:
        kept: number of groups to train on.
        held_out: number of groups to evaluate on.
        tokens: number of tokens in the groups to train on.
        left_out: reason → places of the rows, as the trainer's ``data.json`` counts them.
        noted: note on kept rows → places of the rows.
        unknown: place of a row with unknown tokens → its first unknown character.
    """

    kept: int
    held_out: int
    tokens: int
    left_out: Mapping[SkipReason, list[str]] = field(default_factory=dict[SkipReason, list[str]])
    noted: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    unknown: Mapping[str, str] = field(default_factory=dict[str, str])


def token_budget(
    options: DataOptions,
    renderer: Renderer,
    base: Path,
    *,
    kind: Kind,
    part_of: Callable[[Example], str],
    answer: int = 0,
    advance: Advance = lambda n, words: None,
) -> Budget:
    """Read and encode every row as the trainer does, and record the result for each row.

    Args:
        kind: the kind of the rows.
        part_of: returns the part that a row belongs to.
        answer: number of tokens reserved for the answer; 0 if the rows have answers.

    Raises:
        InputError: the trainer would stop with this error.
    """
    own = replace(renderer, seen=Counter())
    skips = Skips(shown=None)
    noted: dict[str, list[str]] = {}
    sizes = {True: 0, False: 0}
    tokens = 0
    unknown: dict[str, str] = {}
    room = room_for(own, answer) if kind == "prompt" else 0
    rows = by_part(options, kind, part_of, base, skips)
    for count, (part, _, example) in enumerate(rows, start=1):
        before = dict(own.seen)
        encoded = fit_prompt(example, own, room) if kind == "prompt" else encode_example(example, own)
        if isinstance(encoded, SkipReason):
            skips.add(encoded, example.where)
            continue
        for note in own.seen:
            if own.seen[note] != before.get(note, 0):
                noted.setdefault(note, []).append(example.where)
        is_prompt = isinstance(encoded, Prompt)
        parts = [encoded.tokens] if is_prompt else [encoded.prompt, *(c.tokens for c in encoded.completions)]
        if any((tokens == own.tokenizer.unk_token_id).any() for tokens in parts):
            character = unknown_character(example, own) or _unknown_line_break(own)
            unknown |= {example.where: character} if character else {}
        sizes[part == TRAIN] += 1
        if part == TRAIN:
            tokens += len(encoded.tokens) if isinstance(encoded, Prompt) else encoded.size
        if count % 256 == 0:
            advance(count, "rows")
    return Budget(sizes[True], sizes[False], tokens, dict(skips.first), noted, unknown)


def unknown_character(example: Example, renderer: Renderer) -> str | None:
    """The first character of an example that the tokenizer encodes as the unknown token; None if there is none."""
    unknown = renderer.tokenizer.unk_token_id
    if unknown is None:
        return None
    for message in (*example.prompt, *(turn for completion in example.completions for turn in completion)):
        text = str(message.get("content") or "")
        encoded = renderer.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            if token == unknown and text[start:end] != renderer.tokenizer.unk_token:
                return text[start:end]
    return None


def _unknown_line_break(renderer: Renderer) -> str | None:
    """The line break if the tokenizer does not know it; most templates write it between messages."""
    known = renderer.tokenizer("\n", add_special_tokens=False)["input_ids"]
    return "\n" if renderer.tokenizer.unk_token_id in known else None


def budget_findings(budget: Budget) -> list[Finding]:
    """The findings of a budget. Rows that every reader leaves out, such as empty answers, have their own findings."""
    kinds: dict[Rule, list[Shown]] = {CUT: [], DROPPED: [], ALL_TOO_LONG: [], NO_LOSS: [], CHANGED: []}
    kinds[UNKNOWN] = [Shown(where, repr(character)) for where, character in budget.unknown.items()]
    too_long = DROPPED if budget.kept + budget.held_out else ALL_TOO_LONG
    rules = dict.fromkeys(_WITHOUT_LOSS, NO_LOSS) | dict.fromkeys(_TOO_LONG, too_long)
    for reason, places in budget.left_out.items():
        if reason in rules:
            kinds[rules[reason]] += [Shown(where, reason) for where in places]
    for note, places in budget.noted.items():
        if note == RowNote.OWN_ARGUMENTS:  # the row is rendered as it wants, and nothing of it is changed
            continue
        rule = CUT if note in {RowNote.CUT_LEFT, RowNote.CUT_RIGHT} else CHANGED
        kinds[rule] += [Shown(where, note) for where in places]
    return [finding(rule, hits) for rule, hits in kinds.items() if hits]


def budget_figures(budget: Budget) -> dict[str, Any]:
    """The counts of a budget, for ``findings.json``."""
    return {
        "kept": budget.kept,
        "held_out": budget.held_out,
        "tokens": budget.tokens,
        "left_out": {reason: len(places) for reason, places in budget.left_out.items()},
        "noted": {note: len(places) for note, places in budget.noted.items()},
    }
