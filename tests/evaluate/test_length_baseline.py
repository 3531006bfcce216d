"""The baseline that a reward model must beat."""

from pathlib import Path

import numpy as np

from posttrain.core.group import Completion, Group
from posttrain.data.sets.store import GroupStore, StoreWriter
from posttrain.evaluate.length_baseline import longer_wins


def test_longer_wins_counts_every_pair_and_halves_equal_lengths(tmp_path: Path) -> None:
    def group(lengths: list[int], ranks: list[float]) -> Group:
        completions = tuple(Completion(np.ones(n, np.int32), np.ones(n, bool)) for n in lengths)
        return Group("x", np.ones(2, np.int32), completions, {"rank": np.array(ranks, np.float32)})

    writer = StoreWriter(tmp_path / "store")
    writer.add(group([5, 3], [1, 2]))  # right
    writer.add(group([3, 5], [1, 2]))  # wrong
    writer.add(group([4, 4], [1, 2]))  # a half
    writer.add(group([9, 5, 7], [1, 2, 2]))  # two pairs right, a tie left out
    writer.close()
    assert longer_wins(GroupStore(tmp_path / "store")) == (3.5, 5)
