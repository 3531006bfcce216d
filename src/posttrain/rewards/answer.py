"""Find the final answer of a text, and remove the marks of Markdown and LaTeX around it."""

import re

from posttrain.data.reasoning import behind_trace
from posttrain.rewards.quantity import DIGITS, LONGEST, MONEY, quantities, read_quantity

MOST_BOXES = 20
"""Number of boxes at the end of a text that may form one list."""


def final_answer(text: str, *, numeric: bool) -> str:
    """The final answer of a text, tidied; empty where there is none.

    Where the text has ``</think>`` or ``<answer>``, only the part behind or within them counts. A text that is a trace
    without end has no answer. The answer is the last of ``\\boxed{...}`` (several that follow each other are a list)
    and ``#### ...``; else the text behind the last ``the answer is``; else the last number with its unit (`numeric`) or
    the last line.
    """
    text = _LATEX_GROUPS.sub("", _final_part(text)).replace("{,}", ",")
    marked = marked_answer(text)
    if marked is not None:
        return marked
    stated = list(_STATED.finditer(text))
    if stated:
        return tidy(_SENTENCE_END.split(stated[-1][1], maxsplit=1)[0])
    if numeric:
        return _last_quantity(text)
    lines = text.split("\n")
    return tidy(next((line for line in reversed(lines) if line.strip()), ""))


def marked_answer(text: str) -> str | None:
    """The content of the last ``\\boxed{...}`` or ``#### ...``; empty where it was cut, None where there is neither."""
    boxes = list(_BOX.finditer(text))[-MOST_BOXES:]
    hashes = max((match.start() for match in _HASHES.finditer(text)), default=-1)
    if not boxes and hashes < 0:
        return None
    if not boxes or hashes > boxes[-1].start():
        return tidy(text[hashes:].lstrip("# \t").split("\n", maxsplit=1)[0])
    return tidy(_listed(text, boxes))


def tidy(answer: str) -> str:
    """Remove emphasis, math delimiters, LaTeX's spaces and closing punctuation."""
    for pattern, replacement in _TIDY:
        answer = pattern.sub(replacement, answer)
    answer = _SUPERSCRIPT.sub(lambda match: _power(match[0]), answer)
    answer = _strip(" ".join(answer.split()))
    inside = _DOLLARS.search(answer)
    if inside is None:
        return answer
    with_unit = inside[1] + answer[inside.end() :]  # `$2$ minutes`
    return _strip(with_unit if quantities(with_unit) else inside[1])


def _final_part(text: str) -> str:
    """The text behind the trace, and within it the last ``<answer>``; all of the text where there is neither.

    A closed trace with no text behind it counts itself; an unfinished one does not.
    """
    behind = behind_trace(text)
    if behind is None:
        return ""
    text = behind if behind.strip() else text
    start = text.rfind("<answer>")
    return text if start < 0 else text[start + len("<answer>") :].split("</answer>", maxsplit=1)[0]


def _listed(text: str, boxes: list[re.Match[str]]) -> str:
    """The content of the last box. Boxes before it with only commas and `and` between them join it as a list."""
    contents: list[str] = []
    follows = len(text)
    for box in reversed(boxes):
        content, end = _boxed(text, box)
        if contents and not (contents[-1] and end <= follows and _BETWEEN.fullmatch(text, end, follows)):
            break
        contents.append(content)
        follows = box.start()
    return contents[0] if len(set(contents)) == 1 else ", ".join(reversed(contents))


def _boxed(text: str, box: re.Match[str]) -> tuple[str, int]:
    """(content of a box, index behind the box); empty where its brace is not closed (the completion was cut)."""
    if box[1] is not None:  # `\boxed 2`
        return box[1], box.end()
    start, depth = box.end() - 1, 0
    for i in range(start, min(len(text), start + LONGEST + 2)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return text[start + 1 : i], i + 1
    return "", len(text)


def _last_quantity(text: str) -> str:
    """The last number with its unit, and with the numbers before it that add up with it: 1 hour 30 minutes."""
    numbers = _numbers(text)
    for number in numbers[-3:]:
        shown = tidy(text[number.start() : numbers[-1].end() + LONGEST // 4].split("\n", maxsplit=1)[0])
        read = read_quantity(shown, 0)
        if read is not None and len(_numbers(shown[: read.end])) == len(numbers) - numbers.index(number):
            return shown[: read.end]
    return tidy(numbers[-1][0]) if numbers else ""


def _numbers(text: str) -> list[re.Match[str]]:
    """The numbers of a text. An exponent or a digit of a name (`cm^2`, `CO2`) counts only where there is no other."""
    numbers = list(_NUMBER.finditer(text))
    return [m for m in numbers if not _PART_OF_NAME.search(text, max(0, m.start() - 2), m.start())] or numbers


def _power(superscript: str) -> str:
    digits = superscript.translate(_PLAIN)
    return f"^{digits}" if len(digits) == 1 else f"^{{{digits}}}"


def _strip(answer: str) -> str:
    return _OPENING.sub("", answer.rstrip(" .,;:"))


_OPENING = re.compile(r"^(?:[ ,;:]|\*\*|\.(?!\d))+")
_BOX = re.compile(r"\\(?:boxed|fbox)(?:\s*\{|\s*([-\d.,]*\d|[^\s{]))")
_BETWEEN = re.compile(r"(?:[ \t]|[$,;&]|\\text\s*\{|\}|\\quad|\\[,; ()]|\b(?:and|or)\b|\b[a-z]\s*=)*")
_HASHES = re.compile(r"####[ \t]*(?!\d+[.)][ \t])[-−+$€£¥₹.\d\\]")  # a heading of Markdown is no answer
_STATED = re.compile(
    r"\banswer\b(?:[ \t]+[a-z]{1,12}){0,4}?\W{0,4}(?:\bis\b|\bwas\b|:|=)[\s:*]*([^\n]+)", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<!\bsq)(?<!\bcu)(?<!\bRs)(?<!\bca)(?<!\bapprox)[.!?](?:\s|$)")
_NUMBER = re.compile(
    rf"(?:(?<![\w)\]}}.])[-−])?{MONEY}?(?:\\[dt]?frac(?:\{{\d+\}}|\d)(?:\{{\d+\}}|\d)|(?:{DIGITS})(?:/\d+)?)(?:\s?\\?%)?",
    re.VERBOSE,
)
_LATEX_GROUPS = re.compile(r"(?<=\d)\\[,;](?=\d{3}(?!\d))")
_PART_OF_NAME = re.compile(r"(?:[A-Za-z_^]|[_^]\{)$")
_DOLLARS = re.compile(r"\$(?=\S)([^$]*[^$\s])\$(?!\d)")
_TIDY = (
    (re.compile(r"\*\*(?=\D|$)|`|\\[!,;:]|\\left(?![a-z])|\\right(?![a-z])"), ""),
    (re.compile(r"\\(?:quad|qquad)(?![a-z])|\\ |~"), " "),
    (re.compile(r"\\[()\[\]]"), "$"),
    (re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree(?![a-z])"), "°"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"−"), "-"),
    (re.compile(r"\^\{\s*(-?\d)\s*\}"), r"^\1"),
    (re.compile(r"\\(?:text(?:bf|rm|it)?|math(?:rm|bf|it|sf)|mbox|operatorname)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\[dt]?frac\s?(?:\{(\d+)\}|(\d))\s?(?:\{(\d+)\}|(\d))"), r" \1\2/\3\4"),
)
_SUPERSCRIPT = re.compile("⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
