"""Marks the words in which an answer differs from an earlier one."""

import re

from markupsafe import Markup, escape
from rapidfuzz.distance import Indel

ALIKE = 0.4
"""Answers that share less than this are shown without marks: nearly every word would be marked."""

ISLAND = 1
"""Equal stretches of at most so many words between two changes are marked with them, so that marks do not flicker."""

_LETTERS = re.compile(r"\w+")
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


def marked(before: str, after: str) -> Markup | None:
    """The later answer, with ``<ins>`` around new words and ``<del>`` around dropped ones.

    Returns:
        None if the two share too little.
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if Indel.normalized_similarity(old, new) < ALIKE:
        return None
    parts: list[Markup] = []
    for same, gone, there in _joined(old, new):
        parts += [Markup("<del>{}</del>").format(gone)] if gone else []
        parts += [Markup("<ins>{}</ins>").format(there)] if there else []
        parts.append(escape(same))
    return Markup("").join(parts)


def _joined(old: list[str], new: list[str]) -> list[tuple[str, str, str]]:
    """(equal words, words dropped before them, words new before them); a lone equal word counts as changed."""
    steps: list[tuple[str, str, str]] = []
    gone = there = ""
    opcodes = list(Indel.opcodes(old, new))
    for number, step in enumerate(opcodes):
        before, after = "".join(old[step.src_start : step.src_end]), "".join(new[step.dest_start : step.dest_end])
        inside = 0 < number < len(opcodes) - 1
        if step.tag == "equal" and not (inside and len(_LETTERS.findall(after)) <= ISLAND):
            steps.append((after, gone, there))
            gone = there = ""
        else:
            gone, there = gone + before, there + after
    return [*steps, ("", gone, there)]
