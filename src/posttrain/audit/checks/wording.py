"""What single rows say: empty, placeholder, cut off, echoing, damaged, boilerplate, impossible. One function a check.

A check takes an `Entry` and returns a few words of what it found, or None. To add one, write the function and a line
in `ROW_CHECKS`.
"""

import re
from collections.abc import Callable

from rapidfuzz.fuzz import ratio

from posttrain.audit.checks.arithmetic import wrong_equations
from posttrain.audit.checks.personal import PERSONAL, SECRETS, found_in
from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry, normalised, numbers_of

RowCheck = tuple[Rule, Callable[[Entry], str | None]]

_CUT = 160
_ALIKE = 95.0
"""Percent of equal characters from which on two answers are near-identical."""

_NOTHING = (
    r"(?:<?no\W?(?:in|out)puts?>?(?:\W+(?:is\W+)?(?:required|needed|necessary|provided|given|applicable|data|text|here))*"
    r"|n/?a|null|nil|nan|undefined|not\W(?:applicable|required|needed|provided)|<?(?:in|out)put>?|placeholder|no\W+text"
    r"|todo|tbd|fixme|xxx+|\[object object\])"
)
"""What stands where nobody filled something in; the same words in an input and in an answer."""

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
_MOJIBAKE = re.compile(
    "Ã[\u0080-\u00bf\u2018-\u203a€™œž¡-¿]|â€[™œ\u009d“”¦˜\u0090-\u009f]|Â[\u00a0-\u00bf]|ï»¿|ðŸ[\u0080-\u00bf]|\ufffd"
)
_CLOSING = re.compile(
    r"\n[^\n]{0,25}\b(?:sincerely|regards|yours|truly|faithfully|respectfully|warmly|cordially|love|hugs|best|cheers"
    r"|wishes|thanks|thank you|gratitude|appreciation)\b[^\n]{0,15},$",
    re.IGNORECASE,
)
"""The last line of a letter before the name: "Kind regards,"."""

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
_CODE = re.compile(r"```|^\s*(?:def|class|import|from|for|if|return|public|function|#include)\b|[{};]\s*$", re.M)
_BOILERPLATE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language model|language model|ai assistant)\b"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|artificial intelligence|language model|large language model|chatbot)\b"
    r"|\b(?:my|of my) (?:knowledge cut-?off|training data)\b|\bi (?:was|am) (?:trained|developed|created) by openai\b"
    r"|\bi(?:'m| am) chatgpt\b",
    re.IGNORECASE,
)
_MODEL = r"(?:ai|a\.i\.|artificial intelligence|chat ?bots?|language models?|robots?|androids?|chatgpt|assistants?)"
_ROLE = re.compile(
    r"\b(?:act|acting|behave|pretend|imagine|suppose|play|playing|role|persona|perspective|point of view|voice"
    r"|character|dialogue|conversation|scene|script|story|monologue|interview)\b"
    rf"[^\n]{{0,80}}\b{_MODEL}\b|\b(?:are|were) you\b[^\n]{{0,40}}\b{_MODEL}\b"
    r"|\b(?:who|what) are you\b|\bwho (?:made|created|trained|developed) you\b",
    re.IGNORECASE,
)
"""Prompts that ask for a model's words, or about the model: an answer that speaks as one is right."""

_SEEN = re.compile(
    r"\b(?:(?:attached|following|given|provided|above|this) (?:image|picture|photo(?:graph)?|video|audio|screenshot"
    r"|figure|chart|diagram|pdf|recording)|(?:image|picture|photo|video|screenshot|chart) (?:below|above|attached))\b",
    re.IGNORECASE,
)
_NOW = r"(?:today|now|right now|currently)"
_LIVE = re.compile(
    rf"\b(?:what(?:'s| is) the (?:weather|temperature|time|date) (?:{_NOW}|in \w+(?: \w+)? {_NOW})"
    r"|what time is it|what(?:'s| is) today'?s date|today'?s (?:weather|news|headlines)|latest (?:news|headlines)"
    r"|(?:current|live|latest) (?:stock|share) price|current (?:weather|exchange rate|temperature in))\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://\S+|\bwww\.\S+\.\S+")
_READS = re.compile(
    r"\b(?:summari[sz]e|read|visit|open|analy[sz]e|review|watch|translate|check out|go to)\b", re.IGNORECASE
)


def _snippet(text: str, match: re.Match[str]) -> str:
    """The match with a few words on both sides."""
    start, end = max(0, match.start() - 30), min(len(text), match.end() + 30)
    words = " ".join(text[start:end].split())
    return ("…" if start else "") + words[:_CUT] + ("…" if end < len(text) else "")


def _placeholder_input(entry: Entry) -> str | None:
    value = entry.row.get("input") if entry.kind == "sft" else None
    said = value.strip() if isinstance(value, str) else ""
    return repr(said[:_CUT]) if said and _PLACEHOLDER_INPUT.fullmatch(said) else None


def _placeholder_output(entry: Entry) -> str | None:
    said = entry.answer.strip()
    asked_for = "lorem ipsum" in entry.prompt.lower()
    return repr(said[:_CUT]) if not asked_for and _PLACEHOLDER_OUTPUT.fullmatch(said) else None


def _truncated(entry: Entry) -> str | None:
    said = entry.answer.rstrip()
    if len(said) < 40 or _CODE.search(said):
        return "…" + said[-60:] if said.count("```") % 2 else None
    return "…" + said[-60:] if _OPEN_END.search(said[-40:]) and not _CLOSING.search(said) else None


def _echo(entry: Entry) -> str | None:
    said = normalised(entry.answer)
    if len(said) < 20:
        return None
    asked = [entry.prompt, *(entry.row[c] for c in ("instruction", "input") if isinstance(entry.row.get(c), str))]
    return entry.answer[:_CUT] if any(normalised(one) == said for one in asked if one) else None


def _mojibake(entry: Entry) -> str | None:
    if entry.text.isascii():
        return None
    text = entry.text
    match = _MOJIBAKE.search(text)
    return _snippet(text, match) if match else None


def _layout(entry: Entry) -> str | None:
    said = entry.answer
    match = _PAGE.search(said)
    if match is None and ("<" in said or "&" in said or "    " in said or "\t" in said):
        if _CODE.search(said) or _ABOUT_CODE.search(entry.prompt):
            return None
        match = _HTML.search(said) or (None if _TABLE.search(said) else _BLANKS.search(said))
    return _snippet(said, match) if match else None


def _boilerplate(entry: Entry) -> str | None:
    match = _BOILERPLATE.search(entry.answer)
    return _snippet(entry.answer, match) if match and not _ROLE.search(entry.prompt) else None


def _impossible(entry: Entry) -> str | None:
    asked = entry.prompt
    match = _SEEN.search(asked) or _LIVE.search(asked)
    if match is None and len(asked) < 400 and (link := _LINK.search(asked)) and _READS.search(asked[: link.start()]):
        match = link
    return _snippet(asked, match) if match else None


def _arithmetic(entry: Entry) -> str | None:
    wrong = wrong_equations(entry.answer)
    return "; ".join(wrong[:3])[:_CUT] if wrong else None


def _personal(entry: Entry) -> str | None:
    return ", ".join(dict.fromkeys(found_in(entry.text, PERSONAL)))[:_CUT] or None


def _secret(entry: Entry) -> str | None:
    return ", ".join(dict.fromkeys(found_in(entry.text, SECRETS)))[:_CUT] or None


def _near_identical(entry: Entry) -> str | None:
    if len(entry.outputs) < 2 or not entry.ranks or entry.answer == entry.worst:
        return None
    one, other = normalised(entry.answer), normalised(entry.worst)
    if not one or numbers_of(one) != numbers_of(other) or ratio(one, other) < _ALIKE:
        return None
    return f"“{entry.answer[:60]}” and “{entry.worst[:60]}”"


def _empty_side(entry: Entry) -> str | None:
    return repr(entry.prompt[:_CUT]) if len(entry.outputs) > 1 and not all(o.strip() for o in entry.outputs) else None


EMPTY_SIDE = Rule("empty-side", "warn", "pairs have an empty answer on one side", "drop them, or ask anew", "drop")

ROW_CHECKS: tuple[RowCheck, ...] = (
    (
        Rule(
            "placeholder-input",
            "warn",
            "rows have a placeholder where an input should be",
            "make the input empty: the words would be learnt as part of the question",
            "normalise",
        ),
        _placeholder_input,
    ),
    (
        Rule(
            "placeholder-output",
            "warn",
            "answers are placeholders that nobody filled in, or run on into the next task",
            "write the answers, or drop the rows, unless the word is the right answer",
        ),
        _placeholder_output,
    ),
    (
        Rule("truncated", "warn", "answers break off", "complete them or drop the rows: the model learns to break off"),
        _truncated,
    ),
    (Rule("echo", "warn", "answers repeat the question", "answer it, or drop the rows"), _echo),
    (
        Rule(
            "encoding-damage",
            "warn",
            "rows hold wrongly decoded characters (Ã©, â€™, \ufffd)",
            "decode the source as UTF-8 again; `posttrain clean` mends what can be undone",
            "normalise",
        ),
        _mojibake,
    ),
    (
        Rule(
            "layout-residue",
            "warn",
            "answers hold remains of a page: HTML tags, page numbers, columns of blanks",
            "extract the text anew, or strip the remains",
        ),
        _layout,
    ),
    (
        Rule(
            "boilerplate",
            "warn",
            "answers speak of being an AI model",
            "rewrite or drop them, unless the model shall speak so",
        ),
        _boilerplate,
    ),
    (
        Rule(
            "impossible-request",
            "info",
            "prompts ask for what the text does not hold (an image, a link, live data)",
            "give the missing part in the prompt, or keep the row only if its answer says what is missing",
        ),
        _impossible,
    ),
    (
        Rule(
            "wrong-arithmetic",
            "warn",
            "answers state an equation that does not hold",
            "correct or drop them: a wrong sum is learnt like a right one",
        ),
        _arithmetic,
    ),
    (
        Rule(
            "personal-data",
            "warn",
            "rows hold personal data",
            "mask them, unless they are invented: a model repeats what it was trained on",
        ),
        _personal,
    ),
    (
        Rule(
            "secret",
            "block",
            "rows hold a key, a token or a password",
            "revoke it, then remove it: a model repeats what it was trained on",
        ),
        _secret,
    ),
    (
        Rule(
            "near-identical-sides",
            "warn",
            "pairs prefer one of two answers that say the same in almost the same words",
            "look at them: the smallest difference gets the whole push, which is right only where it is the lesson",
        ),
        _near_identical,
    ),
    (EMPTY_SIDE, _empty_side),
)
