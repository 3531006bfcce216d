"""The names of all findings that an audit of files can have, for hints on a misspelt one."""

from posttrain.audit import columns, consistency, contradictions, duplicates, examine, labels, leakage, preferences, run
from posttrain.audit.findings import Rule
from posttrain.audit.wording import ROW_CHECKS

_MODULES = (columns, consistency, contradictions, duplicates, examine, labels, leakage, preferences, run)

NAMES = tuple(
    dict.fromkeys(
        rule.name
        for rule in (*(one for module in _MODULES for one in vars(module).values()), *(rule for rule, _ in ROW_CHECKS))
        if isinstance(rule, Rule)
    )
)
