"""Checks on the text of a row: placeholders, answers that break off, and answers that repeat the question."""

import re

from posttrain.audit.checks.layout import CODE
from posttrain.audit.checks.row_check import QUOTE, RowCheck
from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry, normalised

PLACEHOLDER_INPUT = Rule(
    "placeholder-input",
    "warn",
    "rows have a placeholder as their input",
    "make the input empty: otherwise the placeholder becomes part of the question",
    "normalise",
)
PLACEHOLDER_OUTPUT = Rule(
    "placeholder-output",
    "warn",
    "answers are placeholders, or continue with the next task",
    "write the answers, or drop the rows, unless the word is the right answer",
)
TRUNCATED = Rule(
    "truncated", "warn", "answers break off", "complete them or drop the rows: a model learns to break off"
)
ECHO = Rule("echo", "warn", "answers repeat the question", "answer it, or drop the rows")

_NOTHING = (
    r"(?:<?no\W?(?:in|out)puts?>?(?:\W+(?:is\W+)?(?:required|needed|necessary|provided|given|applicable|data|text|here))*"
    r"|n/?a|null|nil|nan|undefined|not\W(?:applicable|required|needed|provided)|<?(?:in|out)put>?|placeholder|no\W+text"
    r"|todo|tbd|fixme|xxx+|\[object object\])"
)
"""The words of a placeholder, in an input or an answer."""

_PLACEHOLDER_INPUT = re.compile(rf"\W*(?:{_NOTHING}|none|empty|blank)[\W\d]*", re.IGNORECASE)
_PLACEHOLDER_OUTPUT = re.compile(
    rf"\W*{_NOTHING}\W*"
    r"|.*(?:lorem ipsum dolor|\[(?:insert|your|add)[ _][^\]\n]{2,40}(?:here|text|answer|response|output)\]).*"
    r"|\s*<no\W?(?:in|out)put>.*"  # the mark of a generator, and a reason
    r"|.*\S\s*\n\s*(?:\d+\.\s*)?(?:instruction|task)\s*:\s.*\n\s*(?:input|output|response)\s*:.*",
    re.IGNORECASE | re.DOTALL,
)
_OPEN_END = re.compile(
    r"(?:[,(\[{]|\b(?:the|a|an|and|or|of|to|with|for|from|by|as|at|is|are|was|were|that|which|because|than|their|its"
    r"|his|her|your|our|my|if|but|into|such))\s*$",
)
_CLOSING = re.compile(
    r"\n[^\n]{0,25}\b(?:sincerely|regards|yours|truly|faithfully|respectfully|warmly|cordially|love|hugs|best|cheers"
    r"|wishes|thanks|thank you|gratitude|appreciation)\b[^\n]{0,15},$",
    re.IGNORECASE,
)
"""The last line of a letter before the name, such as "Kind regards,"."""


def _placeholder_input(entry: Entry) -> str | None:
    value = entry.row.get("input") if entry.kind == "sft" else None
    text = value.strip() if isinstance(value, str) else ""
    return repr(text[:QUOTE]) if text and _PLACEHOLDER_INPUT.fullmatch(text) else None


def _placeholder_output(entry: Entry) -> str | None:
    answer = entry.answer.strip()
    wanted = "lorem ipsum" in entry.prompt.lower()
    return repr(answer[:QUOTE]) if not wanted and _PLACEHOLDER_OUTPUT.fullmatch(answer) else None


def _truncated(entry: Entry) -> str | None:
    answer = entry.answer.rstrip()
    if len(answer) < 40 or CODE.search(answer):
        return "…" + answer[-60:] if answer.count("```") % 2 else None
    return "…" + answer[-60:] if _OPEN_END.search(answer[-40:]) and not _CLOSING.search(answer) else None


def _echo(entry: Entry) -> str | None:
    answer = normalised(entry.answer)
    if len(answer) < 20:
        return None
    columns = (entry.row[name] for name in ("instruction", "input") if isinstance(entry.row.get(name), str))
    questions = [question for question in (entry.prompt, *columns) if question]
    return entry.answer[:QUOTE] if any(normalised(question) == answer for question in questions) else None


CHECKS = (
    RowCheck(PLACEHOLDER_INPUT, _placeholder_input),
    RowCheck(PLACEHOLDER_OUTPUT, _placeholder_output),
    RowCheck(TRUNCATED, _truncated),
    RowCheck(ECHO, _echo),
)
