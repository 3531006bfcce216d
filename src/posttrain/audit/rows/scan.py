"""Scans a chunk of rows: runs the row checks, and computes the hashes by which rows are compared."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.row_checks import ROW_CHECKS
from posttrain.audit.checks.sides import EMPTY_SIDE
from posttrain.audit.findings import EXAMPLES, Rule, Shown
from posttrain.audit.rows.convention import Reading, convention_named
from posttrain.audit.rows.entry import Entry, entry_of, key_of, leaves
from posttrain.audit.rows.row_numbers import ROW, entry_numbers
from posttrain.audit.rows.rules import (
    ALL_TIED,
    DIFFERING,
    EMPTY_OUTPUT,
    EMPTY_PROMPT,
    EMPTY_TEXT,
    IDENTICAL,
    NO_LABEL,
    ODD,
    UNREADABLE,
)
from posttrain.audit.rows.source import Fault, Item, parsed
from posttrain.audit.rows.verdict_rows import read_judged, verdicts
from posttrain.audit.similarity.minhash import band_keys, shingles
from posttrain.audit.similarity.ngrams import HIT, Grams
from posttrain.audit.similarity.word_hashes import U32
from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import Convention
from posttrain.data.formats.detect import filled_convention, renamed_row
from posttrain.data.formats.examples import examples_in_row, unread_columns
from posttrain.data.skipped import SkipReason
from posttrain.errors import InputError

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
    SkipReason.NO_LABEL: NO_LABEL,
}
"""The reason why the reader leaves a row out → the rule of the finding."""

Hits = dict[str, tuple[Rule, list[Shown]]]


@dataclass(slots=True)
class Examined:
    """The result of scanning a chunk.

    Args:
        rows: `ROW` of each example.
        hits: name of a rule → the rule and the rows that break it.
        verdicts: how often each annotator chose a tie (0), the first (1), the second (2).
        tasks: crc → name of each stated task.
        prompt_bands: keys of the MinHash bands of the prompts [rows, BANDS]; None without evaluation prompts.
        leaked: `ngrams.HIT` of each run of words that a row of `rows` shares with evaluation prompts.
        unread: column that nothing reads → (number of rows that fill it, place of the first one).
    """

    rows: NDArray[np.void]
    hits: Hits = field(default_factory=dict)
    verdicts: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    tasks: dict[int, str] = field(default_factory=dict[int, str])
    prompt_bands: U32 | None = None
    leaked: NDArray[np.void] = field(default_factory=lambda: np.empty(0, dtype=HIT))
    unread: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    def hit(self, rule: Rule, where: str, text: str) -> None:
        """Record that a row breaks a rule, once per row; only the first few rows keep a text."""
        noted = self.hits.setdefault(rule.name, (rule, []))[1]
        if not noted or noted[-1].where != where:
            noted.append(Shown(where, text[:300] if len(noted) < EXAMPLES else ""))


def examine(chunk: Sequence[Item], reading: Reading, start: int, grams: Grams | None = None) -> Examined:
    """Scan each row of a chunk.

    Args:
        reading: the reading of the source.
        start: index of the chunk's first row among all rows.
        grams: the runs of words of the evaluation prompts, if there are any.
    """
    scanned = Examined(np.empty(0, dtype=ROW))
    rows: list[tuple[int, ...]] = []
    texts: list[str] = []
    prompts: list[str] = []
    for offset, item in enumerate(chunk):
        row = parsed(item)
        if isinstance(row, Fault):
            scanned.hit(UNREADABLE, row.where, row.sentence)
            continue
        if reading.kind in {"judged", "preference"}:
            scanned.verdicts.update(verdicts(row.values))
        for part, entry in enumerate(entries(row, reading, scanned)):
            _check(entry, scanned)
            task = zlib.crc32(entry.task.encode()) if entry.task else 0
            if entry.task:
                scanned.tasks[task] = entry.task
            rows.append((start + offset, part, *entry_numbers(entry), task, 0))
            texts.append(entry.text)
            prompts.append(entry.prompt)
    scanned.rows = np.array(rows, dtype=ROW)
    if len(rows):
        scanned.rows["bands"] = band_keys(*shingles(texts))
        if grams is not None:
            scanned.prompt_bands = band_keys(*shingles(prompts))
            scanned.leaked = grams.shared_with(prompts)
    return scanned


def entries(row: Row, reading: Reading, scanned: Examined | None = None) -> Iterator[Entry]:
    """The entries of a row; faults of the row are recorded in `scanned`."""
    if reading.kind == "unknown":
        texts = "\n".join(leaves(row.values))
        yield Entry(row.where, "unknown", texts, (), (), row.values, key_of(row.values, "unknown"))
        return
    if reading.kind == "judged":
        entry, wrong = read_judged(row, reading.task)
        if wrong and scanned is not None:
            scanned.hit(ODD, row.where, wrong)
        yield entry
        return
    convention = convention_named(reading.convention)
    try:
        renamed = renamed_row(row, reading.columns)
        missing = [column for column in convention.required if column not in renamed.values]
        if missing:
            raise InputError(f"{row.where}: no column `{missing[0]}`; the row has {', '.join(row.values)}")
        convention = filled_convention(renamed, convention, reading.columns)
        if scanned is not None and convention.required == ("chosen", "rejected"):
            _same_prompt(renamed, scanned)
        if scanned is not None:
            _count_unread(renamed, convention, scanned)
        for result in examples_in_row(row, renamed, convention, reading.task):
            if isinstance(result, Example):
                yield entry_of(result, reading.kind)
            elif scanned is not None:
                paired = reading.kind == "preference" and result.reason is SkipReason.EMPTY_COMPLETION
                rule = EMPTY_SIDE if paired else _LEFT_OUT.get(result.reason)
                if rule is not None:
                    scanned.hit(rule, row.where, _first_words(renamed))
    except InputError as error:
        if scanned is not None:
            scanned.hit(ODD, row.where, str(error).removeprefix(f"{row.where}: "))


def _count_unread(row: Row, convention: Convention, scanned: Examined) -> None:
    for column in unread_columns(row, convention):
        count, first = scanned.unread.get(column, (0, row.where))
        scanned.unread[column] = count + 1, first


def _same_prompt(row: Row, scanned: Examined) -> None:
    """Record a pair of transcripts whose prompts differ if each is cut before its last answer, as most readers do.

    An answer that contains "Assistant:" is one answer for our reader; other readers cut the transcript there.
    """
    sides = [row.values["chosen"], row.values["rejected"]]
    cut = [side.rpartition("\n\nAssistant:")[0] for side in sides if isinstance(side, str)]
    if len(cut) == 2 and cut[0] != cut[1] and sides[0] != sides[1]:
        scanned.hit(DIFFERING, row.where, "cut at the last answer: " + cut[0][-100:])


def _first_words(row: Row) -> str:
    """The first words of a row that is left out, so that the user recognises it."""
    texts = (str(row.values[c]) for c in ("prompt", "instruction", "chosen", "conversations") if row.values.get(c))
    return next(texts, "")[:120]


def _check(entry: Entry, scanned: Examined) -> None:
    for check in ROW_CHECKS:
        evidence = check.evidence(entry)
        if evidence is not None:
            scanned.hit(check.rule, entry.where, evidence)
