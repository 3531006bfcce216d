"""Scans a chunk of rows, perhaps in its own process: hits of the row checks, and hashes that compare rows."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.answer_form import ending_of, form_of
from posttrain.audit.checks.row_checks import ROW_CHECKS
from posttrain.audit.checks.sides import EMPTY_SIDE
from posttrain.audit.findings import EXAMPLES, Rule, Shown
from posttrain.audit.rows.convention import Reading, convention_named
from posttrain.audit.rows.entry import Entry, entry_of, hash64, key_of, leaves, normalised
from posttrain.audit.rows.rules import (
    ALL_TIED,
    DIFFERING,
    EMPTY_OUTPUT,
    EMPTY_PROMPT,
    EMPTY_TEXT,
    IDENTICAL,
    ODD,
    UNREADABLE,
)
from posttrain.audit.rows.source import Fault, Item, parsed
from posttrain.audit.rows.verdict_rows import read_judged, verdicts
from posttrain.audit.similarity.minhash import BANDS, band_keys, shingles
from posttrain.audit.similarity.ngrams import HIT, Grams
from posttrain.audit.similarity.word_hashes import U32
from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import Convention, filled_convention, renamed_row
from posttrain.data.formats.examples import examples_in_row, unread_columns
from posttrain.data.language import language_of
from posttrain.data.similarity import numbers_in
from posttrain.data.skipped import SkipReason
from posttrain.errors import InputError

ROW = np.dtype(
    [
        ("place", np.uint32),  # index of the row among all rows
        ("part", np.uint16),  # which example of the row (self-instruct rows hold several)
        ("kind", np.uint8),  # index in KINDS
        ("whole", np.uint64),  # the whole content, see `entry.key_of`
        ("norm", np.uint64),  # words alone; in preferences, with ranks and judge
        ("prompt", np.uint64),  # the prompt's words
        ("answer", np.uint64),  # the answer's words; the best completion unchanged where there are several
        ("worst", np.uint64),  # the worst completion unchanged; 0 without one
        ("numbers", np.uint64),  # numbers of the whole text, in order
        ("prompt_chars", np.uint32),
        ("answer_chars", np.uint32),
        ("worst_chars", np.uint32),
        ("first", np.uint8),  # 1 if the best completion is the first, 2 if it is the second; 0 without
        ("tied", np.bool_),
        ("form", np.uint8),  # see `form.FORMS`
        ("shape", np.uint32),  # of JSON keys or headings
        ("ending", np.uint8),  # see `form.ENDINGS`
        ("language", np.uint8),  # see `language.LANGUAGES`
        ("judge", np.uint32),  # crc of who judged, 0 if not stated
        ("task", np.uint32),  # crc of the stated task, 0 if none
        ("bands", np.uint32, (BANDS,)),
    ]
)
"""What is kept of each example: under 200 bytes, whatever its length."""

KINDS = ("sft", "preference", "prompt", "unknown")

_LEFT_OUT = {
    SkipReason.EMPTY_COMPLETION: EMPTY_OUTPUT,
    SkipReason.EMPTY_PROMPT: EMPTY_PROMPT,
    SkipReason.EMPTY_TEXT: EMPTY_TEXT,
    SkipReason.SAME_COMPLETIONS: IDENTICAL,
    SkipReason.PROMPTS_DIFFER: DIFFERING,
    SkipReason.SYSTEMS_DIFFER: DIFFERING,
    SkipReason.OTHER_PROMPT: DIFFERING,
    SkipReason.SPLIT_EARLIER: DIFFERING,
    SkipReason.ALL_TIED: ALL_TIED,
}
"""Why the reader leaves a row out → the rule of the finding."""

Hits = dict[str, tuple[Rule, list[Shown]]]


@dataclass(slots=True)
class Examined:
    """The result of scanning a chunk.

    Args:
        rows: `ROW` of each example.
        hits: the rows that break each rule.
        verdicts: how often each annotator chose a tie (0), the first (1), the second (2).
        tasks: crc → name of the tasks stated.
        prompt_bands: keys of the prompts' bands [rows, BANDS], where there are evaluation prompts to compare them with.
        leaked: `grams.HIT` of the runs of words that a row of `rows` shares with evaluation prompts.
        unread: column that nothing reads → how many rows fill it, and the first place.
    """

    rows: NDArray[np.void]
    hits: Hits = field(default_factory=dict)
    verdicts: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    tasks: dict[int, str] = field(default_factory=dict[int, str])
    prompt_bands: U32 | None = None
    leaked: NDArray[np.void] = field(default_factory=lambda: np.empty(0, dtype=HIT))
    unread: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    def hit(self, rule: Rule, where: str, text: str) -> None:
        """Note one row, once; the first few with a text."""
        noted = self.hits.setdefault(rule.name, (rule, []))[1]
        if not noted or noted[-1].where != where:
            noted.append(Shown(where, text[:300] if len(noted) < EXAMPLES else ""))


def examine(chunk: Sequence[Item], reading: Reading, start: int, grams: Grams | None = None) -> Examined:
    """Scan each row of a chunk.

    Args:
        reading: how the source is read.
        start: index of the chunk's first row among all rows.
        grams: of the evaluation prompts, if any.
    """
    seen = Examined(np.empty(0, dtype=ROW))
    rows: list[tuple[int, ...]] = []
    texts: list[str] = []
    prompts: list[str] = []
    for offset, item in enumerate(chunk):
        row = parsed(item)
        if isinstance(row, Fault):
            seen.hit(UNREADABLE, row.where, row.sentence)
            continue
        if reading.kind in {"judged", "preference"}:
            seen.verdicts.update(verdicts(row.values))
        for part, entry in enumerate(entries(row, reading, seen)):
            _check(entry, seen)
            task = zlib.crc32(entry.task.encode()) if entry.task else 0
            if entry.task:
                seen.tasks[task] = entry.task
            rows.append((start + offset, part, *_numbers(entry), task, 0))
            texts.append(entry.text)
            prompts.append(entry.prompt)
    seen.rows = np.array(rows, dtype=ROW)
    if len(rows):
        seen.rows["bands"] = band_keys(*shingles(texts))
        if grams is not None:
            seen.prompt_bands = band_keys(*shingles(prompts))
            seen.leaked = grams.shared_with(prompts)
    return seen


def entries(row: Row, reading: Reading, seen: Examined | None = None) -> Iterator[Entry]:
    """The entries of a row; what it cannot give is noted."""
    if reading.kind == "unknown":
        texts = "\n".join(leaves(row.values))
        yield Entry(row.where, "unknown", texts, (), (), row.values, key_of(row.values, "unknown"))
        return
    if reading.kind == "judged":
        entry, wrong = read_judged(row, reading.task)
        if wrong and seen is not None:
            seen.hit(ODD, row.where, wrong)
        yield entry
        return
    convention = convention_named(reading.convention)
    try:
        renamed = renamed_row(row, reading.columns)
        missing = [column for column in convention.required if column not in renamed.values]
        if missing:
            raise InputError(f"{row.where}: no column `{missing[0]}`; the row has {', '.join(row.values)}")
        convention = filled_convention(renamed, convention, reading.columns)
        if seen is not None and convention.required == ("chosen", "rejected"):
            _same_prompt(renamed, seen)
        if seen is not None:
            _count_unread(renamed, convention, seen)
        for found in examples_in_row(row, renamed, convention, reading.task):
            if isinstance(found, Example):
                yield entry_of(found, reading.kind)
            elif seen is not None:
                paired = reading.kind == "preference" and found.reason is SkipReason.EMPTY_COMPLETION
                rule = EMPTY_SIDE if paired else _LEFT_OUT.get(found.reason)
                if rule is not None:
                    seen.hit(rule, row.where, _first_words(renamed))
    except InputError as error:
        if seen is not None:
            seen.hit(ODD, row.where, str(error).removeprefix(f"{row.where}: "))


def _count_unread(row: Row, convention: Convention, seen: Examined) -> None:
    for column in unread_columns(row, convention):
        count, first = seen.unread.get(column, (0, row.where))
        seen.unread[column] = count + 1, first


def _same_prompt(row: Row, seen: Examined) -> None:
    """Transcripts that, cut at their last answer as most readers cut them, ask different things.

    An answer that goes on as "Assistant:" of itself is read as one answer here; elsewhere it moves the cut.
    """
    sides = [row.values["chosen"], row.values["rejected"]]
    cut = [side.rpartition("\n\nAssistant:")[0] for side in sides if isinstance(side, str)]
    if len(cut) == 2 and cut[0] != cut[1] and sides[0] != sides[1]:
        seen.hit(DIFFERING, row.where, "cut at the last answer: " + cut[0][-100:])


def _first_words(row: Row) -> str:
    """The beginning of a row that is left out, by which the user recognises it."""
    texts = (str(row.values[c]) for c in ("prompt", "instruction", "chosen", "conversations") if row.values.get(c))
    return next(texts, "")[:120]


def _check(entry: Entry, seen: Examined) -> None:
    for check in ROW_CHECKS:
        evidence = check.evidence(entry)
        if evidence is not None:
            seen.hit(check.rule, entry.where, evidence)


def _numbers(entry: Entry) -> tuple[int, ...]:
    """`ROW` of an entry from `kind` to `judge`."""
    answer, worst = entry.answer, entry.worst
    prompt_words, text = normalised(entry.prompt + entry.context), entry.text
    tied = len(entry.ranks) > 1 and len(set(entry.ranks)) == 1
    first = 0 if len(entry.ranks) != 2 or tied else 1 + (entry.ranks[1] < entry.ranks[0])
    whole = hash64(entry.key)
    words = [prompt_words, *map(normalised, entry.outputs)]
    judgment = [str(entry.ranks), entry.judge] if entry.kind == "preference" else []
    return (
        KINDS.index(entry.kind),
        whole,
        whole if entry.kind == "unknown" else hash64("\0".join([*words, *judgment])),
        hash64(prompt_words),
        hash64(answer.strip() if entry.ranks else normalised(entry.final or answer)),
        hash64(worst.strip()) if entry.ranks else 0,
        hash64(" ".join(numbers_in(text))),
        len(entry.prompt),
        len(answer),
        len(worst),
        first,
        tied,
        *form_of(answer),
        ending_of(answer),
        language_of(text),
        zlib.crc32(entry.judge.encode("utf-8", "surrogatepass")) if entry.judge else 0,
    )
