"""The names of all findings that an audit of files can have, for suggestions when a name is misspelt."""

from posttrain.audit.checks import (
    consistency,
    contradictions,
    diversity,
    labels,
    preferences,
    presidio,
    reading,
    unfinished,
    unpaired,
    unread_columns,
)
from posttrain.audit.checks.row_checks import ROW_CHECKS
from posttrain.audit.findings import Rule
from posttrain.audit.rows import read_table, rules
from posttrain.audit.similarity import duplicates, leakage

_MODULES = (
    *(unread_columns, consistency, unfinished, contradictions, diversity, duplicates, rules, labels, leakage),
    *(preferences, presidio, reading, read_table, unpaired),
)

_RULES = (
    *(value for module in _MODULES for value in vars(module).values() if isinstance(value, Rule)),
    *(check.rule for check in ROW_CHECKS),
)

NAMES = tuple(dict.fromkeys(rule.name for rule in _RULES))
