"""Count the sentences of a text."""

import re


def count_sentences(text: str) -> int:
    """The number of sentences with a letter or digit.

    A sentence ends with ``.``, ``!``, ``?`` or ``…`` before white space, with their full-width forms, or with an empty
    line. A point behind a single capital letter, a usual abbreviation or the number of a list item ends none.
    """
    ends = [match for match in _END.finditer(text) if not _NO_END.search(text, match.start() - 12, match.start() + 1)]
    starts = [0, *(match.end() for match in ends)]
    parts = (text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True))
    return sum(any(c.isalnum() for c in part) for part in parts)


_END = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s|$)|[。！？]+|\n\s*\n")
_NO_END = re.compile(
    r"(?:(?<![^\W_])[A-Z]|\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e|cf|Inc|Ltd|Co|Fig|approx)|(?:^|\n)\s*\d{1,2})\.$"
)
