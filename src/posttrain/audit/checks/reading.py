"""Findings on how the files were read: guessed columns, columns of no convention, and files of one row."""

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.convention import columns_option
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.rows.table import Table
from posttrain.data.files.read import source_files

GUESSED = Rule(
    "guessed-columns",
    "info",
    "files have columns with nonstandard names, whose meaning was guessed",
    "write the guessed `columns:` into the recipe, as in the examples",
)
ONE_ROW = Rule(
    "one-row-files",
    "info",
    "plain text files are one row each, and training cuts or leaves out rows longer than max_length",
    "end each document with a line that holds only <|endoftext|>, or write JSON Lines with a column `text`",
)
UNKNOWN = Rule(
    "unknown-columns",
    "warn",
    "files fit no convention, so only the checks that need none were run",
    "name the columns: --columns prompt=NAME,completion=NAME, or `columns:` in the recipe",
)


def reading_findings(table: Table, count: int) -> list[Finding]:
    """The findings on the first `count` sources of a table."""
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
    one_row = [
        hit
        for source, rows in zip(table.sources, table.source_rows[:count], strict=False)
        for hit in _one_row_files(source, rows)
    ]
    return [finding(rule, hits) for rule, hits in ((GUESSED, guessed), (UNKNOWN, unknown), (ONE_ROW, one_row)) if hits]


def _one_row_files(source: AuditSource, rows: int) -> list[Shown]:
    """The plain text files of a source, if each holds one row."""
    texts = [name for name, path in source_files(source.path, base=source.base) if ".txt" in path.suffixes]
    return [Shown(f"{name}:1", "") for name in texts] if rows <= len(texts) else []
