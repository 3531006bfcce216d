"""The findings of reading rows: rows that cannot be read, and rows that the trainer leaves out."""

from posttrain.audit.findings import Rule

UNREADABLE = Rule(
    "unreadable-row",
    "block",
    "rows cannot be read",
    "correct or drop them: training stops at the first one",
    "drop",
)
ODD = Rule(
    "odd-row",
    "block",
    "rows break the convention of their file",
    "correct or drop them: training stops at the first one",
    "drop",
)
DIFFERING = Rule(
    "differing-prompts",
    "warn",
    "pairs have another prompt on each side",
    "pair answers to the same prompt, or drop the rows",
    "drop",
)

EMPTY_OUTPUT = Rule("empty-output", "warn", "rows have an empty answer", "write the answers, or drop the rows", "drop")
EMPTY_PROMPT = Rule("empty-prompt", "warn", "rows ask nothing", "write the prompts, or drop the rows", "drop")
EMPTY_TEXT = Rule("empty-text", "warn", "rows hold an empty text", "drop them", "drop")
IDENTICAL = Rule(
    "identical-sides",
    "warn",
    "pairs prefer an answer to itself",
    "drop them: they teach nothing, but count as preferences",
    "drop",
)
ALL_TIED = Rule("all-tied", "info", "rankings tie all candidates", "ignore this finding; training leaves them out")
NO_LABEL = Rule(
    "no-label", "info", "rows have an empty label", "ignore this finding; training leaves them out, or label them"
)
