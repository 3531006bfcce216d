"""The language of a text, by its script, and for the Latin script by frequent small words."""

import re
from collections import Counter

LANGUAGES = (
    "unknown",
    "English",
    "German",
    "French",
    "Spanish",
    "Italian",
    "Portuguese",
    "Dutch",
    "Cyrillic script",
    "Greek",
    "Arabic script",
    "Hebrew",
    "Devanagari script",
    "Thai",
    "Japanese",
    "Korean",
    "Chinese",
)
"""The languages and scripts that `language_of` distinguishes, by index."""

_SMALL = {
    1: "the and of to is in that for it with as are this be on was by you or from an at your have not can which",
    2: "der die das und ist nicht ein eine zu den von mit sich auf für dem des auch wird sind im oder wie",
    3: "le la les et est des une dans que pour qui sur pas au avec ce il sont du en vous par ne",
    4: "el los las y es que en una por con para del se su como más al lo son está",
    5: "il gli e è che di un una non con sono del della si da nel le più come anche",
    6: "o os e é que um uma para com não em da por se dos das mais como são",
    7: "de het een en van dat op te zijn met voor niet aan er ook als bij door maar",
}
_OF_WORD: dict[str, list[int]] = {}
for _language, _words in _SMALL.items():
    for _word in _words.split():
        _OF_WORD.setdefault(_word, []).append(_language)

_SCRIPTS = (
    (14, re.compile("[\u3040-\u30ff]")),
    (15, re.compile("[\uac00-\ud7af]")),
    (16, re.compile("[\u4e00-\u9fff]")),
    (8, re.compile("[\u0400-\u04ff]")),
    (9, re.compile("[\u0370-\u03ff]")),
    (10, re.compile("[\u0600-\u06ff]")),
    (11, re.compile("[\u0590-\u05ff]")),
    (12, re.compile("[\u0900-\u097f]")),
    (13, re.compile("[\u0e00-\u0e7f]")),
)
_CHARACTERS = 600
"""Only so many characters of a text are read."""

_FEWEST = 3
"""A text needs so many different small words of a language to count as written in it."""

_LEAST_SHARE = 0.1
"""The small words must be this share of all words: three of them in a list of names may be names."""


def language_of(text: str) -> int:
    """The language's index in `LANGUAGES`; 0 if the text is too short or too mixed to decide."""
    head = text[:_CHARACTERS]
    if not head.isascii():
        letters = sum(c.isalpha() for c in head)
        for language, looks in _SCRIPTS:
            if len(looks.findall(head)) > letters * (0.1 if language == 14 else 0.3):
                return language
    words = head.lower().split()
    small = [word for word in words if word in _OF_WORD]
    counts = Counter(language for word in small for language in _OF_WORD[word])
    ranked = counts.most_common(2)
    if not ranked or ranked[0][1] < _FEWEST or (len(ranked) > 1 and ranked[0][1] < 1.5 * ranked[1][1]):
        return 0
    usual = [word for word in small if ranked[0][0] in _OF_WORD[word]]
    return ranked[0][0] if len(set(usual)) >= _FEWEST and len(usual) >= _LEAST_SHARE * len(words) else 0
