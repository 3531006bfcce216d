"""Checks on characters and layout: wrongly decoded text, and parts of the page that a text was copied from."""

import re

from posttrain.audit.checks.row_check import RowCheck, snippet
from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry

ENCODING = Rule(
    "encoding-damage",
    "warn",
    "rows hold wrongly decoded characters (Ã©, â€™, \ufffd)",
    "decode the source as UTF-8 again; `posttrain clean` repairs the characters that can be recovered",
    "normalise",
)
LAYOUT = Rule(
    "layout-residue",
    "warn",
    "answers hold parts of a page layout: HTML tags, page numbers, columns of blanks",
    "extract the text again, or remove these parts",
)

_MOJIBAKE = re.compile(
    "Ã[\u0080-\u00bf\u2018-\u203a€™œž¡-¿]|â€[™œ\u009d“”¦˜\u0090-\u009f]|Â[\u00a0-\u00bf]|ï»¿|ðŸ[\u0080-\u00bf]|\ufffd"
)
_HTML = re.compile(
    r"</?(?:div|span|p|br|table|tbody|td|tr|th|font|ul|ol|li|a|h[1-6]|img|script|style|em|strong|sup|sub)(?:\s[^<>]*)?/?>"
    r"|&(?:nbsp|amp|lt|gt|quot|#\d{2,5});",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"^[ \t]*(?:page|p\.)[ \t]+\d+(?:[ \t]+(?:of|/)[ \t]+\d+)?[ \t]*$|^[ \t]*-[ \t]?\d{1,4}[ \t]?-[ \t]*$", re.I | re.M
)
_BLANKS = re.compile(r"\S[ \t]{12,}\S|\n[ \t]{12,}[^\s|+{}()<>]")
_TABLE = re.compile(r"\||\+--|-{5}|\t\S+\t")
_ABOUT_CODE = re.compile(
    r"\b(?:html|css|xml|markup|web ?page|website|tag|code|script|python|java|function|program|sql|query|svg|jsx|php)",
    re.I,
)
CODE = re.compile(r"```|^\s*(?:def|class|import|from|for|if|return|public|function|#include)\b|[{};]\s*$", re.M)
"""A line of program code, in which tags, brackets and blanks are right."""


def _mojibake(entry: Entry) -> str | None:
    text = entry.text
    match = None if text.isascii() else _MOJIBAKE.search(text)
    return snippet(text, match) if match else None


def _layout(entry: Entry) -> str | None:
    answer = entry.answer
    match = _PAGE.search(answer)
    if match is None and ("<" in answer or "&" in answer or "    " in answer or "\t" in answer):
        if CODE.search(answer) or _ABOUT_CODE.search(entry.prompt):
            return None
        match = _HTML.search(answer) or (None if _TABLE.search(answer) else _BLANKS.search(answer))
    return snippet(answer, match) if match else None


CHECKS = (RowCheck(ENCODING, _mojibake), RowCheck(LAYOUT, _layout))
