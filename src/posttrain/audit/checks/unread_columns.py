"""Columns of text that nothing reads, so that training loses them unless the user names them."""

from collections.abc import Mapping

from posttrain.audit.findings import Finding, Rule, Shown, finding

UNREAD_COLUMNS = Rule(
    "unread-columns",
    "info",
    "columns hold text that nothing reads",
    "if one belongs to the question, name it: columns: {context: its_name}; if not, nothing needs to be done",
)

CONTEXT_UNREAD = Rule(
    "context-unread",
    "warn",
    "columns hold what usually belongs to the question, and nothing reads them",
    "name it: columns: {context: its_name} joins it to the prompt",
)

Unread = Mapping[str, tuple[int, str]]
"""column → the rows that fill it, and the place of the first."""

_CONTEXT = frozenset(
    ("input", "context", "contexts", "passage", "body", "dialogue", "document", "article", "note", "notes", "history")
)
"""Usual names of what a question is about."""


def column_findings(unread: Unread) -> list[Finding]:
    """What to know of the columns that nothing reads; a finding counts columns, and names them all."""
    usual = {name: seen for name, seen in unread.items() if name.lower() in _CONTEXT}
    other = {name: seen for name, seen in unread.items() if name not in usual}
    return [_named(rule, some) for rule, some in ((CONTEXT_UNREAD, usual), (UNREAD_COLUMNS, other)) if some]


def _named(rule: Rule, unread: Unread) -> Finding:
    hits = [Shown(where, f"`{name}` in {count:,} rows") for name, (count, where) in unread.items()]
    return finding(rule, hits, what=f"{rule.what}: {', '.join(unread)}")
