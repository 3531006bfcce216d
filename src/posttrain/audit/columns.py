"""Columns that hold a text and that nothing reads: what they say is lost, unless someone names them."""

from posttrain.audit.findings import Rule
from posttrain.data.formats import Convention, unread_columns
from posttrain.data.read import Row

UNREAD_COLUMNS = Rule(
    "unread-columns",
    "info",
    "rows have columns with text that nothing reads",
    "if one belongs to the question, name it: columns: {context: its_name}; if not, nothing needs to be done",
)

CONTEXT_UNREAD = Rule(
    "context-unread",
    "warn",
    "rows have a column that usually belongs to the question, and nothing reads it",
    "name it: columns: {context: its_name} joins it to the prompt",
)

_CONTEXT = frozenset(
    ("input", "context", "contexts", "passage", "body", "dialogue", "document", "article", "note", "notes", "history")
)
"""Usual names of what a question is about."""


def lost_columns(renamed: Row, convention: Convention) -> tuple[Rule, str] | None:
    """The finding on a row's columns that are not read, and their names; None where all are read.

    Args:
        renamed: the row, with its columns under their standard names.
    """
    names = unread_columns(renamed, convention)
    if not names:
        return None
    usual = [name for name in names if name.lower() in _CONTEXT]
    return (CONTEXT_UNREAD, ", ".join(usual)) if usual else (UNREAD_COLUMNS, ", ".join(names))
