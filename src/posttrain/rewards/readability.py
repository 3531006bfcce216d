"""Reading level of English text: words, sentences, syllables, and the Flesch-Kincaid grade."""

import re


def reading_grade(text: str) -> float:
    """The Flesch-Kincaid grade level: the school grade that is needed to read a text; 0 for a text without words.

    J. P. Kincaid, R. P. Fishburne, R. L. Rogers and B. S. Chissom, "Derivation of new readability formulas for Navy
    enlisted personnel" (1975). The formula is made for English.
    """
    words = _WORDS.findall(text)
    if not words:
        return 0.0
    sentences = sum(_WORDS.search(part) is not None for part in _STOPS.split(text))
    return kincaid_grade(len(words), sentences, sum(map(syllables, words)))


def kincaid_grade(words: int, sentences: int, syllables: int) -> float:
    """The grade level from counts."""
    return 0.39 * words / sentences + 11.8 * syllables / words - 15.59


def syllables(word: str) -> int:
    """The syllables of an English word: groups of vowels, without silent e and with vowels that are spoken apart."""
    letters = re.sub(r"[^a-z]", "", word.casefold())
    if letters in _EXCEPTIONS:
        return _EXCEPTIONS[letters]
    spoken = _SILENT.sub("", letters)
    spoken = re.sub(r"(?<![^aeiou])y(?=[aeiou])", "j", spoken)  # a consonant, as in "beyond"
    return max(1, len(_VOWELS.findall(spoken)) + len(_APART.findall(spoken)))


_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_STOPS = re.compile(r"[.!?…]+(?=[\s\"'”’)\]*]|$)|\n+")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(
    r"(?<![td])ed$"  # walked
    r"|(?<![^aeiouy]l)(?<=[^csxzghiaeou])es$"  # makes, but not boxes, tables
    r"|(?<![^aeiouy]l)e$"  # take, but not table
    r"|(?<=[aeiouy][^aeiouy])e(?=(?:ly|ments?|ful|fully|less|ness)$)"  # safely, movement, careful
    r"|(?<=[aeiouy][^aeiouy][^aeiouy])e(?=(?:ly|ments?|ful|fully|less|ness)$)"  # strangely, judgement
)
_APART = re.compile(
    r"(?<![ctsg])ia(?!g)|(?<=[ct])ia(?=t)|iu|(?<=[vrbdnp])iou|(?<![ctsgxln])io(?!u)|io$"  # media, serious, radio
    r"|(?<=d)ie(?=[tn])|(?<=s)cie(?=n)|(?<=cl)ie(?=n)|ie(?=ty)|(?<=[^aeiou])yi|(?<=[^aeiou])ier$"  # diet, society
    r"|eo(?=[nlr]|$)|(?<=[^gt])eou|eu(?=m)|(?<=cr)ea(?=t[ei])|ea(?=ct|lit)|ao"  # video, museum, creating, chaos
    r"|(?<=[^aeiougq])ua|uou|sm$"  # usual, continuous, prism
)
_EXCEPTIONS = {
    **dict.fromkeys(("clothes", "prayer"), 1),
    **dict.fromkeys(("maybe", "hundred", "naked", "sacred", "wicked", "being", "doing", "going", "seeing"), 2),
    **dict.fromkeys(("people", "something", "someone", "sometimes", "somewhere", "business", "every"), 2),
    **dict.fromkeys(("poem", "quiet", "giant", "lion", "riot", "create", "creates", "patient", "patients"), 2),
    **dict.fromkeys(("element", "elements", "recipe", "recipes", "area", "areas", "idea", "ideas"), 3),
    **dict.fromkeys(("everyone", "anyone", "everything", "creation", "theater"), 3),
    **dict.fromkeys(("diabetes", "experience", "everybody"), 4),
}
"""Words that the rules get wrong, and that are frequent."""
