"""The display order of candidates: counterbalanced for each person, and stored with the judgment."""

import numpy as np


def williams_design(k: int) -> list[list[int]]:
    """Williams' design for k treatments: each is at each place equally often, and follows each other equally often.

    There are k rows for an even k and 2k rows for an odd k, the second half mirrored. E. J. Williams, "Experimental
    designs balanced for the estimation of residual effects of treatments", Australian Journal of Scientific Research A
    2 (1949).
    """
    zigzag = [(place + 1) // 2 if place % 2 else -(place // 2) % k for place in range(k)]  # 0, 1, -1, 2, -2...
    rows = [[(first + shift) % k for first in zigzag] for shift in range(k)]
    return rows if k % 2 == 0 else rows + [row[::-1] for row in rows]


def shown_order(k: int, seen: int, seed: tuple[int, ...]) -> list[int]:
    """Indices of the candidates from left to right.

    Each block goes through all rows of the design in a new random order. After every full block a person has seen each
    candidate at each place equally often, and a person cannot predict the next order.

    Args:
        k: the number of candidates.
        seen: the number of items with k candidates that the person has seen before.
        seed: numbers that identify the project and the person.
    """
    rows = williams_design(k)
    block, place = divmod(seen, len(rows))
    return rows[np.random.default_rng([*seed, k, block]).permutation(len(rows))[place]]
