"""A whole audit: every row looked at once, then all rows beside each other, then a few of them read again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posttrain.audit.checks.consistency import consistency_checks
from posttrain.audit.checks.contradictions import contradictions
from posttrain.audit.checks.diversity import breadth
from posttrain.audit.checks.labels import label_checks
from posttrain.audit.checks.preferences import preference_checks
from posttrain.audit.checks.presidio import presidio_findings
from posttrain.audit.checks.unread_columns import column_findings
from posttrain.audit.findings import Finding, Rule, Shown, finding, sorted_findings
from posttrain.audit.rows.convention import Reading, columns_option, reading_of
from posttrain.audit.rows.scan import ROW, UNREADABLE, Examined, entries
from posttrain.audit.rows.source import Source, chunks, items, parsed
from posttrain.audit.rows.table import Table
from posttrain.audit.rows.workers import Task, examined
from posttrain.audit.similarity.duplicates import duplicates
from posttrain.audit.similarity.leakage import leakage
from posttrain.audit.similarity.ngrams import Grams, grams_of
from posttrain.audit.similarity.overlap import Shared
from posttrain.console import Advance, Screen
from posttrain.data.files.read import Row, source_files

GUESSED = Rule(
    "guessed-columns",
    "info",
    "files have columns of other names, which were guessed",
    "say in the recipe what was guessed, as shown",
)
ONE_ROW = Rule(
    "one-row-files",
    "info",
    "plain text files are one row each, which training cuts or leaves out beyond max_length",
    "end each document with a line that holds only <|endoftext|>, or write JSON Lines with a column `text`",
)
UNREAD = Rule(
    "unread-evaluation-row",
    "warn",
    "evaluation rows cannot be read, so nothing was compared with them",
    "mend them, and audit again",
)
UNKNOWN = Rule(
    "unknown-columns",
    "warn",
    "files fit no convention; only checks that need none ran",
    "name the columns: --columns prompt=NAME,completion=NAME, or `columns:` in the recipe",
)


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Args:
        files: path → how it was read, and how many rows it has.
        rows: examples to train on.
        findings: the worst first.
        figures: what was measured beside the findings, by topic.
    """

    files: Mapping[str, Mapping[str, Any]]
    rows: int
    findings: list[Finding]
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def blocking(self) -> list[Finding]:
        """Those that stop a pipeline."""
        return [one for one in self.findings if one.severity == "block"]


def audit(
    sources: Sequence[Source],
    *,
    against: Sequence[Source] = (),
    screen: Screen,
    workers: int | None = None,
    presidio: str | None = None,
) -> Report:
    """Look at all rows of some sources.

    Args:
        against: evaluation data that must not stand among them.
        workers: processes; one a core if None.
        presidio: a spaCy model's name: rows go through Presidio too.

    Raises:
        InputError: a source is not there, or Presidio is asked for and is not installed.
    """
    table, shared = read_table(sources, against, screen, workers)
    found = [finding(rule, hits) for rule, hits in table.hits.values()]
    found += _readings(table, len(sources))
    found += column_findings(table.unread)
    figures: dict[str, Any] = {}
    with screen.bar("comparing rows", None) as advance:
        found += duplicates(table, advance)
        found += contradictions(table)
        found += leakage(table, shared, advance)
        for check in (consistency_checks, label_checks, preference_checks, breadth):
            more, measured = check(table)
            found += more
            figures |= measured
    figures["lengths"] = _lengths(table)
    if presidio is not None:
        found += presidio_findings(sources, presidio, screen)
    return Report(_files(table, sources), table.trained, sorted_findings(found), figures)


def with_more(report: Report, findings: Sequence[Finding], figures: Mapping[str, Any]) -> Report:
    """The report with what was found elsewhere."""
    return Report(
        report.files,
        report.rows,
        sorted_findings([*report.findings, *findings]),
        {**report.figures, **figures},
    )


def read_table(
    sources: Sequence[Source], against: Sequence[Source], screen: Screen, workers: int | None
) -> tuple[Table, Shared | None]:
    """Every row looked at once; the table of all, and the words that they share with evaluation rows, if any."""
    table = Table(sources=[*sources, *against])
    table.readings = [_reading(source) for source in table.sources]
    grams = grams_of(_prompts(table, len(sources))) if against else None
    shared = None if grams is None else Shared(grams)
    parts: list[Examined] = []
    trained = 0
    with screen.bar("reading", None) as advance:
        for seen, number in _examined(table, grams, workers, advance):
            if number < len(sources):
                if shared is not None:
                    seen.leaked["row"] += trained
                    shared.add(seen.leaked)
                trained += len(seen.rows)
                _add(table, seen)
            elif unread := seen.hits.get(UNREADABLE.name):
                table.hits.setdefault(UNREAD.name, (UNREAD, []))[1].extend(unread[1])
            parts.append(seen)
    table.rows = np.concatenate([seen.rows for seen in parts]) if parts else np.empty(0, dtype=ROW)
    asked = [seen.asked for seen in parts if seen.asked is not None]
    table.asked = np.concatenate(asked) if asked else table.asked
    table.trained = trained
    return table, shared


def _examined(
    table: Table, grams: Grams | None, workers: int | None, advance: Advance
) -> Iterator[tuple[Examined, int]]:
    """Each chunk with the number of its source."""
    asked: list[tuple[int, int]] = []  # source and rows of each chunk

    def tasks() -> Iterator[Task]:
        start = 0
        for number, (source, reading) in enumerate(zip(table.sources, table.readings, strict=True)):
            table.starts.append(start)
            for chunk in chunks(source):
                asked.append((number, len(chunk)))
                table.places.add([where for where, _ in chunk])
                yield chunk, reading, start
                start += len(chunk)

    done = 0
    for at, seen in enumerate(examined(tasks(), grams, workers)):
        number, count = asked[at]
        done += count
        advance(done, "rows")
        yield seen, number


def _reading(source: Source) -> Reading:
    """From the source's first readable row."""
    for item in items(source):
        row = parsed(item)
        if isinstance(row, Row):
            return reading_of(row, source.columns, source.task)
    return Reading("unknown")


def _prompts(table: Table, first: int) -> Iterator[str]:
    """Each evaluation prompt."""
    for source, reading in zip(table.sources[first:], table.readings[first:], strict=True):
        for item in items(source):
            row = parsed(item)
            if isinstance(row, Row):
                yield from (entry.prompt for entry in entries(row, reading))


def _add(table: Table, seen: Examined) -> None:
    for name, (rule, hits) in seen.hits.items():
        table.hits.setdefault(name, (rule, []))[1].extend(hits)
    table.verdicts.update(seen.verdicts)
    table.tasks |= seen.tasks
    for column, (count, first) in seen.unread.items():
        before, place = table.unread.get(column, (0, first))
        table.unread[column] = before + count, place


def _readings(table: Table, count: int) -> list[Finding]:
    pairs = list(zip(table.sources, table.readings, strict=True))[:count]
    guessed = [
        Shown(f"{source.path}:1", "columns: {" + ", ".join(f"{k}: {v}" for k, v in reading.columns.items()) + "}")
        for source, reading in pairs
        if reading.guessed
    ]
    unknown = [
        Shown(f"{source.path}:1", columns_option(reading.columns))
        for source, reading in pairs
        if reading.kind == "unknown"
    ]
    whole = [
        hit
        for source, rows in zip(table.sources, _rows_of(table)[:count], strict=False)
        for hit in _whole(source, rows)
    ]
    return [finding(rule, hits) for rule, hits in ((GUESSED, guessed), (UNKNOWN, unknown), (ONE_ROW, whole)) if hits]


def _whole(source: Source, rows: int) -> list[Shown]:
    """The plain text files of a source, if none holds more than one row."""
    texts = [name for name, path in source_files(source.path, base=source.base) if ".txt" in path.suffixes]
    return [Shown(f"{name}:1", "") for name in texts] if rows <= len(texts) else []


def _rows_of(table: Table) -> list[int]:
    """How many rows each source has."""
    ends = [*table.starts[1:], len(table.places)]
    return [end - start for start, end in zip(table.starts, ends, strict=True)]


def _files(table: Table, sources: Sequence[Source]) -> dict[str, dict[str, Any]]:
    return {
        source.path: {
            "kind": reading.kind,
            "convention": reading.convention,
            "columns": dict(reading.columns),
            "guessed": reading.guessed,
            "rows": rows,
            "evaluation": number >= len(sources),
        }
        for number, (source, reading, rows) in enumerate(
            zip(table.sources, table.readings, _rows_of(table), strict=True)
        )
    }


def _lengths(table: Table) -> dict[str, Any]:
    """Quantiles of characters, and a histogram on a logarithmic scale, for prompts and answers."""
    found: dict[str, Any] = {}
    for name in ("prompt", "answer"):
        chars = table.train[f"{name}_chars"]
        chars = chars[chars > 0]
        if len(chars):
            edges = np.unique(np.geomspace(max(1, chars.min()), chars.max() + 1, 25).astype(int))
            counts, _ = np.histogram(chars, bins=edges) if len(edges) > 1 else (np.array([len(chars)]), edges)
            quantiles = np.quantile(chars, [0.05, 0.5, 0.95]).astype(int).tolist()
            found[name] = {"quantiles": quantiles, "edges": edges.tolist(), "counts": counts.tolist()}
    return found
