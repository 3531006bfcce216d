"""Wrong arithmetic in the equations of a text, such as 1000 + 200 x 12 = 8000.

Only equations of plain numbers are checked. Parts of a longer formula, equations next to a letter, and equations with a
unit in the middle are skipped.
"""

import re
from fractions import Fraction

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_OPERATOR = r"[-+*/×÷−]|x(?=[\s\d($])"
_TOKEN = re.compile(rf"\s*(?:({_NUMBER})|({_OPERATOR})|([()]))")
_EQUATION = re.compile(
    rf"(?P<left>(?:[$(]\s*)*(?:{_NUMBER})(?:[\s$()]*(?:{_OPERATOR})[\s$()]*(?:{_NUMBER})\)*)+)\s*=(?!=)\s*"
    rf"(?P<right>[-−]?\s?\$?\s?(?:{_NUMBER}))"
)
_JOINS_BEFORE = set("+-*/×÷−=^%<>!√·–—_\\|&~{[")
_JOINS_AFTER = set("+-*/×÷−=^%√·–_\\(\u00b0/:")
_WORD_BEFORE = re.compile(r"(?:^|[^A-Za-z])(?:[A-Za-z]|sqrt|log|ln|sin|cos|tan|mod|exp|choose)\s*$")
_OTHER_UNIT = re.compile(r"(?:x|mod|remainder|r|and \d|or|cents?|percent)\b|¢", re.IGNORECASE)
_FACTOR_BEFORE = re.compile(r"\([^()]*\d[^()]*\)$")
_NUMBERED = re.compile(r"(?:^|\n)[ \t]*\(\d{1,2}\)$")
_MIXED_BEFORE = re.compile(r"\d (?:and )?$")
_GROUP_AFTER = re.compile(r"[ \u00a0\u202f]\d{3}\b")
_CLOCK = re.compile(r"(?<![\d.,])0\d")
_CONVERTED = frozenset(Fraction(10) ** power for power in (-6, -3, 3, 6))
_CENTS = frozenset({Fraction(100), Fraction(1, 100)})
_MOST = 400
"""The most characters of an equation; people do not write longer ones."""


def wrong_equations(text: str) -> list[str]:
    """The wrong equations of numbers in a text, as they are written."""
    if "=" not in text:
        return []
    return [match[0].strip() for match in _EQUATION.finditer(text) if _wrong(match, text)]


def _wrong(match: re.Match[str], text: str) -> bool:
    before, after = text[: match.start()].rstrip(" $"), text[match.end() :]
    if len(match[0]) > _MOST or (
        before and (before[-1] in _JOINS_BEFORE or before[-1].isdigit() or _WORD_BEFORE.search(before[-8:]))
    ):
        return False
    if _FACTOR_BEFORE.search(before) and not _NUMBERED.search(before):  # (1/2) 278 + 11: a factor
        return False
    if _MIXED_BEFORE.search(text[: match.start()]) or _GROUP_AFTER.match(after) or _CLOCK.search(match[0]):
        return False  # such as 1 and 1/4, 18 000, 0900
    if match.start() and (text[match.start() - 1].isalnum() or text[match.start() - 1] in ".,:"):
        return False
    after_blanks = after.lstrip()
    joined = after_blanks[:1] in _JOINS_AFTER and not after_blanks.startswith("->")
    if after[:1].isalnum() or re.match(r"[.,]\d", after) or joined:
        return False
    if _OTHER_UNIT.match(after_blanks) or match["left"].count("/") > 1:  # 500 / 2/5 has two meanings
        return False
    value = _value(match["left"].replace("$", ""))
    stated = match["right"].replace("$", "").replace(" ", "").replace("−", "-")
    return value is not None and not _rounds_to(value, stated) and not _converted(value, stated, "$" in match["right"])


def _converted(value: Fraction, stated: str, money: bool) -> bool:
    """Whether the stated value is the value in another unit: in thousands or millions, or in cents for dollars."""
    number = Fraction(stated.replace(",", ""))
    ratio = number / value if value else Fraction(0)
    return ratio in _CONVERTED or (money and ratio in _CENTS)


def _rounds_to(value: Fraction, stated: str) -> bool:
    """Whether the stated value is the value, rounded up or down at the stated digits or to a whole number."""
    digits = stated.replace(",", "")
    decimals = len(digits.partition(".")[2])
    unit = Fraction(1, 10**decimals)
    return abs(Fraction(digits) - value) < unit or (value.denominator > 1 and abs(Fraction(digits) - value) <= 1)


def _value(expression: str) -> Fraction | None:
    """The value of an expression of numbers, + - * / and brackets; None if it is malformed or divides by zero."""
    tokens: list[str] = []
    at = 0
    expression = expression.rstrip()
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            return None
        tokens.append(match[0].strip().replace(",", ""))
        at = match.end()
    tokens.reverse()
    try:
        value = _sum(tokens)
    except (ValueError, IndexError, ZeroDivisionError):
        return None
    return None if tokens else value


def _sum(tokens: list[str]) -> Fraction:
    value = _product(tokens)
    while tokens and tokens[-1] in "+-−":
        value = value + _product(tokens) if tokens.pop() == "+" else value - _product(tokens)
    return value


def _product(tokens: list[str]) -> Fraction:
    value = _atom(tokens)
    while tokens and tokens[-1] in "*×x/÷":
        value = value * _atom(tokens) if tokens.pop() in "*×x" else value / _atom(tokens)
    return value


def _atom(tokens: list[str]) -> Fraction:
    token = tokens.pop()
    if token == "(":
        value = _sum(tokens)
        if tokens.pop() != ")":
            raise ValueError
        return value
    return Fraction(token)
