"""Columns of groups, divided by completion and joined again."""

from collections.abc import Sequence

import numpy as np

from posttrain.core.group import Floats, Group


def completion_pieces(groups: Sequence[Group], columns: Sequence[Floats]) -> list[Floats]:
    """Divide the column of each group into one piece per completion."""
    return [
        piece
        for group, column in zip(groups, columns, strict=True)
        for piece in np.split(column, np.cumsum([len(c.tokens) for c in group.completions])[:-1])
    ]


def joined_pieces(groups: Sequence[Group], pieces: Sequence[Floats]) -> list[Floats]:
    """Join the pieces of the completions to one column per group."""
    remaining = iter(pieces)
    return [np.concatenate([next(remaining) for _ in group.completions]) for group in groups]
