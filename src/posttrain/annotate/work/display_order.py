"""In which order candidates are shown: counterbalanced for each person, said by the server, kept with the judgment."""

import numpy as np


def williams(k: int) -> list[list[int]]:
    """Williams' design for k treatments: each stands at each place equally often, and after each other one too.

    k rows for an even k; for an odd one 2k, the second half mirrored. E. J. Williams, "Experimental designs balanced
    for the estimation of residual effects of treatments", Australian Journal of Scientific Research A 2 (1949).
    """
    zigzag = [(place + 1) // 2 if place % 2 else -(place // 2) % k for place in range(k)]  # 0, 1, -1, 2, -2...
    rows = [[(first + shift) % k for first in zigzag] for shift in range(k)]
    return rows if k % 2 == 0 else rows + [row[::-1] for row in rows]


def shown_order(k: int, seen: int, seed: tuple[int, ...]) -> list[int]:
    """Indices of the candidates from left to right.

    The rows of the design are walked through in blocks, each shuffled anew: after any full block a person has seen
    every place equally often, and cannot foresee the next order.

    Args:
        k: how many candidates.
        seen: how many items with k candidates the person was shown before.
        seed: what tells this person and project from others.
    """
    rows = williams(k)
    block, place = divmod(seen, len(rows))
    return rows[np.random.default_rng([*seed, k, block]).permutation(len(rows))[place]]
