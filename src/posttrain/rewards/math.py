"""Mathematical equality of a completion's final answer with the row's: numbers exactly, formulas by algebra."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from posttrain.rewards.algebra import shared_algebra
from posttrain.rewards.types import Batch, RewardOptions, Row, Score, column, each

LONGEST = 300
"""Characters of an answer; what is longer is no answer."""


class MathReward(RewardOptions):
    """1 where the final answer equals the row's, else 0. See `final_answer` for where it is looked for."""

    kind: Literal["math"]
    target: str = Field(default="target", description="column of the right answer: a number, LaTeX, or GSM8K's text")
    tolerance: float = Field(default=1e-6, ge=0, lt=1, description="relative; two integers must be equal")


class Number(NamedTuple):
    """A value, and whether it was written as a percentage (then 50, not 0.5)."""

    value: Fraction
    percent: bool


def build(options: MathReward, base: Path) -> Batch:
    """One score a completion; None where the row's target is null."""

    def score_one(completion: str, row: Row) -> Score:
        target = column(row, options.target)
        return None if target is None else math_score(completion, target, options.tolerance)

    return each(score_one)


def math_score(completion: str, target: Any, tolerance: float = 1e-6) -> float:
    """1.0 if the completion's final answer equals the target, else 0.0.

    Raises:
        InputError: the target is neither a number nor a formula.
    """
    marked = _marked(str(target))
    wanted = _tidy(str(target)) if marked is None else marked
    wanted_number = number(wanted)
    given = final_answer(completion, numeric=wanted_number is not None)
    if not given or len(given) > LONGEST:
        return 0.0
    if given == wanted:
        return 1.0
    given_number = number(given)
    if wanted_number is not None and given_number is not None:
        return float(_same(wanted_number, given_number, tolerance))
    if _WORDS.fullmatch(wanted) or _WORDS.fullmatch(given):  # algebra would take them for products of letters
        return float(wanted.casefold() == given.casefold())
    return float(shared_algebra().equal(_as_latex(wanted), _as_latex(given)))


def final_answer(text: str, *, numeric: bool) -> str:
    """The answer a text comes to, tidied; empty where there is none.

    It is the last of ``\\boxed{...}`` and ``#### ...``; else what follows the last ``the answer is``; else the last
    number (`numeric`) or the last line.
    """
    marked = _marked(text)
    if marked is not None:
        return marked
    said = list(_SAID.finditer(text))
    if said:
        return _tidy(_SENTENCE_END.split(said[-1][1], maxsplit=1)[0])
    if numeric:
        numbers = _LAST_NUMBER.findall(text)
        return _tidy(numbers[-1]) if numbers else ""
    lines = text.split("\n")
    return _tidy(next((line for line in reversed(lines) if line.strip()), ""))


def number(answer: str) -> Number | None:
    """The number that an answer is: 18, -1,000, $18.00, 50%, 3/4, 1 1/2, 1.2e3, "x = 18", "18 apples"; else None."""
    found = _NUMBER.fullmatch(answer)
    if found is None or len(answer) > LONGEST:
        return None
    value = Fraction(found["value"].replace(",", ""))
    if found["below"] is not None:
        if not int(found["below"]):
            return None
        value /= int(found["below"])
    if found["whole"] is not None:
        value += int(found["whole"])
    value *= Fraction(10) ** int(found["power"] or 0)
    negative = "-" in found["sign"]
    return Number(-value if negative else value, found["percent"] is not None)


def _same(wanted: Number, given: Number, tolerance: float) -> bool:
    """Equal within the tolerance. A percentage may be meant as it stands or as a share: 50% is 50, and 0.5."""
    if wanted.percent == given.percent:
        return _close(wanted.value, given.value, tolerance)
    plain, percent = (given.value, wanted.value) if wanted.percent else (wanted.value, given.value)
    return _close(plain, percent, tolerance) or _close(plain, percent / 100, tolerance)


def _close(a: Fraction, b: Fraction, tolerance: float) -> bool:
    if a.denominator == b.denominator == 1:
        return a == b
    return abs(a - b) <= Fraction(tolerance) * max(abs(a), abs(b))


def _marked(text: str) -> str | None:
    """What the last ``\\boxed{...}`` or ``#### ...`` holds; empty where it was cut, None where there is neither."""
    boxed = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    hashes = max((match.start() for match in _HASHES.finditer(text)), default=-1)
    if boxed < 0 and hashes < 0:
        return None
    if hashes > boxed:
        return _tidy(text[hashes:].lstrip("# \t").split("\n", maxsplit=1)[0])
    return _tidy(_braced(text, text.index("{", boxed)))


def _braced(text: str, start: int) -> str:
    """From one brace to the one that closes it; empty where none does (the completion was cut)."""
    depth = 0
    for i in range(start, min(len(text), start + LONGEST + 2)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return text[start + 1 : i]
    return ""


def _tidy(answer: str) -> str:
    """Without emphasis, math delimiters, LaTeX spacing, units' degree sign and closing punctuation."""
    for pattern, instead in _TIDY:
        answer = pattern.sub(instead, answer)
    answer = " ".join(answer.split()).strip(" .,;:")
    inside = _DOLLARS.search(answer)
    return (inside[1] if inside else answer).strip(" .,;:")


def _as_latex(answer: str) -> str:
    """Plain notation as LaTeX: ``**``, ``*``, ``sqrt(2)``, ``pi``."""
    answer = answer.replace("**", "^").replace("*", " \\cdot ").replace("$", "")
    answer = re.sub(r"(?<![\\\w])sqrt\(([^()]*)\)", r"\\sqrt{\1}", answer)
    return re.sub(r"(?<![\\A-Za-z])(pi|sin|cos|tan|log|ln|exp)(?![A-Za-z])", r"\\\1 ", answer)


_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_SIGN = r"[-+]?\s?[$€£¥]?\s?[-+]?"
_FUNCTION = r"(?:pi|sqrt|sin|cos|tan|log|ln|exp|mod)"
_NUMBER = re.compile(
    rf"""(?:(?!{_FUNCTION}\b|not\b|minus\b|negative\b)[A-Za-z]{{2}}[A-Za-z',:]*\s)*  # "about 18"
    (?:[A-Za-z]\s?=\s?)?                                                             # "x = 18"
    (?P<sign>{_SIGN})
    (?:(?P<whole>\d+)\s(?=\d+/))?(?P<value>{_DIGITS})(?:\s?/\s?(?P<below>\d+))?
    (?:[eE](?P<power>[-+]?\d{{1,3}}))?
    \s?(?P<percent>%|percent\b)?
    (?:\s?\(?(?!{_FUNCTION}\b)[A-Za-z]{{2}}[^=+*^\\<>\d]*)?                          # "18 apples", "18 (rounded)"
    """,
    re.VERBOSE,
)
_LAST_NUMBER = re.compile(
    rf"(?:(?<![\w)\]}}.])[-−])?[$€£¥]?(?:\\[dt]?frac\{{\d+\}}\{{\d+\}}|(?:{_DIGITS})(?:/\d+)?)\s?\\?%?"
)
_HASHES = re.compile(r"####[ \t]*(?!\d+[.)][ \t])[-−+$€£¥.\d\\]")  # a heading of Markdown is no answer
_SAID = re.compile(r"\banswer\b(?:[ \t]+[a-z]{1,12}){0,4}?\W{0,4}(?:\bis\b|\bwas\b|:|=)[\s:*]*([^\n]+)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
_DOLLARS = re.compile(r"\$([^$]+)\$")
_WORDS = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]+)*")
_TIDY = (
    (re.compile(r"\*\*(?=\D|$)|`|\\[!,;:]|\\left(?![a-z])|\\right(?![a-z])"), ""),
    (re.compile(r"\\[()\[\]]"), "$"),
    (re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})|°"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"−"), "-"),
    (re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}"), r" \1/\2"),
)
