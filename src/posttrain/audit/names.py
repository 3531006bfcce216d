"""The names of all findings that an audit of files can have, for hints on a misspelt one."""

from posttrain.audit import run
from posttrain.audit.checks import consistency, contradictions, labels, preferences, unread_columns
from posttrain.audit.checks.wording import ROW_CHECKS
from posttrain.audit.findings import Rule
from posttrain.audit.rows import scan
from posttrain.audit.similarity import duplicates, leakage

_MODULES = (unread_columns, consistency, contradictions, duplicates, scan, labels, leakage, preferences, run)

NAMES = tuple(
    dict.fromkeys(
        rule.name
        for rule in (*(one for module in _MODULES for one in vars(module).values()), *(rule for rule, _ in ROW_CHECKS))
        if isinstance(rule, Rule)
    )
)
