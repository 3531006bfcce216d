"""Reads all rows of an audit, runs the checks on single rows, and builds the table for the checks that compare rows."""

from collections.abc import Iterator, Sequence

import numpy as np

from posttrain.audit.findings import Rule
from posttrain.audit.rows.convention import Reading, reading_of, trainer_reading
from posttrain.audit.rows.row_numbers import ROW
from posttrain.audit.rows.rules import UNREADABLE
from posttrain.audit.rows.scan import Examined, entries
from posttrain.audit.rows.source import AuditSource, chunks, items, parsed
from posttrain.audit.rows.table import Table
from posttrain.audit.rows.workers import Task, examined
from posttrain.audit.similarity.ngrams import Grams, grams_of
from posttrain.audit.similarity.overlap import Shared
from posttrain.console import Advance, Screen
from posttrain.data.files.read import Row

UNREAD_EVALUATION = Rule(
    "unread-evaluation-row",
    "warn",
    "evaluation rows cannot be read, so they were not compared with the training rows",
    "correct them, and audit again",
)


def read_table(
    sources: Sequence[AuditSource], against: Sequence[AuditSource], screen: Screen, workers: int | None
) -> tuple[Table, Shared | None]:
    """Read every row once; return the table of all rows, and the word runs that they share with evaluation rows."""
    table = Table(sources=[*sources, *against])
    table.readings = [_reading(source) for source in table.sources]
    grams = grams_of(_prompts(table, len(sources))) if against else None
    shared = None if grams is None else Shared(grams)
    parts: list[Examined] = []
    trained = 0
    with screen.bar("reading", None) as advance:
        for scanned, number in _examined(table, grams, workers, advance):
            if number < len(sources):
                if shared is not None:
                    scanned.leaked["row"] += trained
                    shared.add(scanned.leaked)
                trained += len(scanned.rows)
                _add(table, scanned)
            elif unread := scanned.hits.get(UNREADABLE.name):
                table.hits.setdefault(UNREAD_EVALUATION.name, (UNREAD_EVALUATION, []))[1].extend(unread[1])
            parts.append(scanned)
    table.rows = np.concatenate([scanned.rows for scanned in parts]) if parts else np.empty(0, dtype=ROW)
    prompts = [scanned.prompt_bands for scanned in parts if scanned.prompt_bands is not None]
    table.prompt_bands = np.concatenate(prompts) if prompts else table.prompt_bands
    table.trained = trained
    return table, shared


def _examined(
    table: Table, grams: Grams | None, workers: int | None, advance: Advance
) -> Iterator[tuple[Examined, int]]:
    """(result, number of the source) of each chunk."""
    sizes: list[tuple[int, int]] = []  # (number of the source, number of rows) of each chunk

    def tasks() -> Iterator[Task]:
        start = 0
        for number, (source, reading) in enumerate(zip(table.sources, table.readings, strict=True)):
            table.starts.append(start)
            for chunk in chunks(source):
                sizes.append((number, len(chunk)))
                table.places.add([where for where, _ in chunk])
                yield chunk, reading, start
                start += len(chunk)

    done = 0
    for at, scanned in enumerate(examined(tasks(), grams, workers)):
        number, count = sizes[at]
        done += count
        advance(done, "rows")
        yield scanned, number


def _reading(source: AuditSource) -> Reading:
    """The reading of a source, from its first readable row."""
    for item in items(source):
        row = parsed(item)
        if isinstance(row, Row):
            if source.kinds:
                return trainer_reading(row, source.kinds, source.columns, source.task)
            return reading_of(row, source.columns, source.task)
    return Reading("unknown")


def _prompts(table: Table, first: int) -> Iterator[str]:
    """The prompts of the evaluation sources, which start at number `first`."""
    for source, reading in zip(table.sources[first:], table.readings[first:], strict=True):
        for item in items(source):
            row = parsed(item)
            if isinstance(row, Row):
                yield from (entry.prompt for entry in entries(row, reading))


def _add(table: Table, scanned: Examined) -> None:
    for name, (rule, hits) in scanned.hits.items():
        table.hits.setdefault(name, (rule, []))[1].extend(hits)
    table.verdicts.update(scanned.verdicts)
    table.tasks |= scanned.tasks
    for column, (count, first) in scanned.unread.items():
        before, place = table.unread.get(column, (0, first))
        table.unread[column] = before + count, place
