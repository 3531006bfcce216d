"""Groups with a second completion that belongs to another prompt, from which KTO estimates a KL divergence."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from posttrain.core.group import Completion, Group
from posttrain.data.sets.store import GroupStore, StoreWriter
from posttrain.files import is_sound, seal, whole_folder

_TRIES = 100
"""How many completions are tried for a prompt; if none fits, the row's own completion serves."""


def mismatched_stores(
    stores: Mapping[str, GroupStore], donors: GroupStore, folder: Path, *, seed: int, max_length: int
) -> dict[str, GroupStore]:
    """The stores of each part with a second completion for each group, on disk in `folder`.

    Each group has one completion. If the folder exists and is undamaged, it is only opened.

    Args:
        donors: the groups whose completions are lent. Over a whole store, each of them is lent about equally often.
        max_length: tokens of a prompt with one completion; a longer second completion loses its last tokens.
    """
    if not is_sound(folder):
        with whole_folder(folder) as target:
            for part, store in stores.items():
                writer = StoreWriter(target / part)
                for group in _mismatched(store, donors, seed, max_length):
                    writer.add(group)
                writer.close()
            seal(target)
    return {part: GroupStore(folder / part) for part in stores}


def _mismatched(store: GroupStore, donors: GroupStore, seed: int, max_length: int) -> Iterator[Group]:
    """The groups with their columns, and the column ``mismatched``: 0 for the own completion, 1 for the other."""
    order = np.random.default_rng([seed, len(donors)]).permutation(len(donors)).tolist()
    for index in range(len(store)):
        group = store[index]
        tried = [order[(index + i) % len(order)] for i in range(min(_TRIES, len(order)))]
        other = _other_completion(group, (donors[i] for i in tried), max_length)
        columns = {name: np.concatenate([values, values]) for name, values in group.columns.items()}
        columns["mismatched"] = np.array([0, 1], dtype=np.float32)
        yield replace(group, completions=(*group.completions, other), columns=columns)


def _other_completion(group: Group, donors: Iterable[Group], max_length: int) -> Completion:
    """The first completion that belongs to another prompt and has a loss token that fits."""
    room = max_length - len(group.prompt)
    for donor in donors:
        lent = donor.completions[0]
        if not np.array_equal(donor.prompt, group.prompt) and lent.loss[:room].any():
            return Completion(lent.tokens[:room], lent.loss[:room])
    return group.completions[0]
