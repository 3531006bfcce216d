"""Instructions about the language of an answer and its case."""

import regex
from pydantic import field_validator

from posttrain.data.language import LANGUAGES, language_of
from posttrain.rewards.instructions.instruction import VerifiableInstruction

BY_WORDS = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "ja": "Japanese",
    "zh": "Chinese",
}
"""ISO code → language that `data.language` distinguishes by frequent words or by its mix of scripts."""

SMALL = {
    "fi": "ja on ei se että oli hän kun mutta niin ovat myös tai joka mukaan kuin voi ole sekä",
    "sw": "na ya wa kwa ni katika za la kuwa hii yake ambayo pia au kama hiyo lakini sana",
    "vi": "và của là có không trong được cho một với các những này để người khi đã",
    "pl": "i w nie na się z do jest że to jak ale od za przez są dla oraz czy",
    "tr": "ve bir bu için ile olarak daha çok olan gibi kadar da de ne ama var",
}
"""ISO code → frequent small words of the language."""

SCRIPTS = {
    **dict.fromkeys(("ru", "bg", "uk", "sr", "mk"), "Cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "Arabic"),
    **dict.fromkeys(("hi", "mr", "ne"), "Devanagari"),
    "el": "Greek",
    "he": "Hebrew",
    "th": "Thai",
    "ko": "Hangul",
    "bn": "Bengali",
    "pa": "Gurmukhi",
    "gu": "Gujarati",
    "ta": "Tamil",
    "te": "Telugu",
    "kn": "Kannada",
    "ml": "Malayalam",
}
"""ISO code → script. Languages of one script are not distinguished."""

KNOWN_CODES = (*BY_WORDS, *SMALL, *SCRIPTS)
"""Languages that can be checked."""

LEAST_OF_SCRIPT = 0.5
"""Least share of an answer's letters in the script of its language."""

LEAST_SMALL = 0.1
"""Least share of small words among the words of an answer; there must be two different ones."""


class ResponseLanguage(VerifiableInstruction):
    """The whole answer is in one language, given by its ISO 639-1 code."""

    type_name = "language:response_language"
    language: str

    @field_validator("language")
    @classmethod
    def _is_known(cls, language: str) -> str:
        if language not in KNOWN_CODES:
            raise ValueError(f"the language {language!r} cannot be checked; known are {', '.join(KNOWN_CODES)}")
        return language

    def kept(self, answer: str) -> bool:
        """Whether it seems to be in the language; an answer too short to decide is not."""
        return is_in_language(answer, self.language)


class EnglishCapital(VerifiableInstruction):
    """The answer is in English and in capital letters."""

    type_name = "change_case:english_capital"

    def kept(self, answer: str) -> bool:
        """Whether every letter is a capital one, and the language is English or cannot be decided."""
        return answer.isupper() and _may_be_english(answer)


class EnglishLowercase(VerifiableInstruction):
    """The answer is in English and has no capital letter."""

    type_name = "change_case:english_lowercase"

    def kept(self, answer: str) -> bool:
        """Whether no letter is a capital one, and the language is English or cannot be decided."""
        return answer.islower() and _may_be_english(answer)


def is_in_language(text: str, code: str) -> bool:
    """Whether a text is in a language, or for some languages in its script."""
    if code in BY_WORDS:
        return LANGUAGES[language_of(text)] == BY_WORDS[code]
    if code in SMALL:
        words, small = regex.findall(r"[\p{L}\p{M}]+", text.lower()), set(SMALL[code].split())
        found = [word for word in words if word in small]
        return len(set(found)) >= 2 and len(found) >= LEAST_SMALL * len(words)
    letters = regex.findall(r"\p{L}", text)
    inside = regex.findall(rf"\p{{Script={SCRIPTS[code]}}}", "".join(letters))
    return bool(letters) and len(inside) >= LEAST_OF_SCRIPT * len(letters)


def _may_be_english(text: str) -> bool:
    return LANGUAGES[language_of(text)] in ("English", "unknown")


INSTRUCTIONS = (ResponseLanguage, EnglishCapital, EnglishLowercase)
