"""Columns of text that nothing reads, so that training loses them unless the user names them."""

from collections.abc import Mapping

from posttrain.audit.findings import Finding, Rule, Shown, finding

UNREAD_COLUMNS = Rule(
    "unread-columns",
    "info",
    "columns hold text that nothing reads",
    "if a column belongs to the question, name it: columns: {context: its_name}; otherwise ignore this finding",
)

CONTEXT_UNREAD = Rule(
    "context-unread",
    "warn",
    "columns usually belong to the question, and nothing reads them",
    "name the column: columns: {context: its_name} joins it to the prompt",
)

Unread = Mapping[str, tuple[int, str]]
"""column → (number of rows that fill it, place of the first one)."""

_CONTEXT = frozenset(
    ("input", "context", "contexts", "passage", "body", "dialogue", "document", "article", "note", "notes", "history")
)
"""Usual names of columns with the text that a question is about."""


def column_findings(unread: Unread) -> list[Finding]:
    """The findings on columns that nothing reads; a finding counts columns, and names them all."""
    context = {name: rows for name, rows in unread.items() if name.lower() in _CONTEXT}
    remaining = {name: rows for name, rows in unread.items() if name not in context}
    pairs = ((CONTEXT_UNREAD, context), (UNREAD_COLUMNS, remaining))
    return [_named(rule, columns) for rule, columns in pairs if columns]


def _named(rule: Rule, unread: Unread) -> Finding:
    hits = [Shown(where, f"`{name}` in {count:,} rows") for name, (count, where) in unread.items()]
    return finding(rule, hits, what=f"{rule.what}: {', '.join(unread)}")
