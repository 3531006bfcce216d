"""The baseline that a reward model must beat: call the longer completion better."""

from posttrain.data.sets.store import GroupStore


def longer_wins(store: GroupStore) -> tuple[float, int]:
    """How often the longer completion (in tokens) is the better one; equal lengths are half a win.

    Returns:
        (wins, pairs)
    """
    right, pairs = 0.0, 0
    for index in range(len(store)):
        group = store[index]
        rank, lengths = group.columns["rank"], [len(c.tokens) for c in group.completions]
        for better in range(len(rank)):
            for worse in range(len(rank)):
                if rank[better] < rank[worse]:
                    pairs += 1
                    right += (lengths[better] > lengths[worse]) + 0.5 * (lengths[better] == lengths[worse])
    return right, pairs
