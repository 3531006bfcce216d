"""Patterns of personal data and secrets. They need no network, and a match is never shown in full."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """The pattern of one kind of personal data or secret.

    Args:
        name: the name of the kind in reports.
        expression: the regular expression.
        needs: characters that every text with a match has; texts without them are not searched. If it is empty, a
            text needs a number of seven characters or more.
        is_valid: whether a match is valid (check digits, reserved ranges).
    """

    name: str
    expression: re.Pattern[str]
    needs: str
    is_valid: Callable[[str], bool] = lambda text: True


_NUMBER = re.compile(r"\d[\d .()-]{5,}\d")


def masked(text: str) -> str:
    """The first two characters of a text and its length, so that people can find the text, but not use it."""
    return f"{text[:2]}…({len(text)} characters)"


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return len(set(digits)) > 2 and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    code = re.sub(r"\s", "", text)
    return int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def _public(text: str) -> bool:
    parts = [int(part) for part in text.split(".")]
    private = parts[0] in {0, 10, 127} or parts[:2] in ([192, 168], [169, 254]) or (parts[0] == 172 and parts[1] < 32)
    documentation = parts[:3] in ([192, 0, 2], [198, 51, 100], [203, 0, 113])
    return all(part < 256 for part in parts) and parts[0] < 224 and not private and not documentation


def _not_reserved(text: str) -> bool:
    domain = text.rpartition("@")[2].lower()
    return not re.search(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)$", domain)


def _not_fictional(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return len(set(digits)) > 2 and not re.search(r"5550[01]\d\d$|555\d{4}$|^1?123456|^1?0{3}", digits)


PERSONAL_PATTERNS = (
    Pattern(
        "e-mail address",
        re.compile(r"\b[\w.+%-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"),
        "@",
        _not_reserved,
    ),
    Pattern(
        "telephone number",
        re.compile(
            r"(?<![\w.+/-])(?:\+?1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[ .-]\d{4}(?![\w-]|\.\d)"
            r"|(?<![\w.])\+(?:[2-9]\d{0,2})[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}(?![\w-])"
        ),
        "",
        _not_fictional,
    ),
    Pattern(
        "US social security number",
        re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"),
        "",
    ),
    Pattern(
        "payment card number",
        re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{3,4}(?![\w.-]\d|\d)"),
        "",
        _luhn,
    ),
    Pattern("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), "", _iban),
    Pattern("public IP address", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)"), "", _public),
)

SECRET_PATTERNS = (
    Pattern("private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"), "-----BEGIN"),
    Pattern("AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "IA"),
    Pattern("GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})"), "_"),
    Pattern("Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"), "xox"),
    Pattern("Google API key", re.compile(r"\bAIza[\w-]{35}\b"), "AIza"),
    Pattern("API key (sk-...)", re.compile(r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}"), "sk-"),
    Pattern("Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"), "hf_"),
    Pattern("JSON web token", re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"), "eyJ"),
    Pattern("password in a URL", re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@]+:[^\s/:@]{3,}@[\w.-]+"), "://"),
)


def masked_matches(text: str, patterns: tuple[Pattern, ...]) -> Iterator[str]:
    """The matches of the patterns in a text, masked: ``e-mail address jo…(16 characters)``."""
    number = _NUMBER.search(text) is not None
    for pattern in patterns:
        if pattern.needs in text if pattern.needs else number:
            for match in pattern.expression.finditer(text):
                if pattern.is_valid(match[0]):
                    yield f"{pattern.name} {masked(match[0])}"
