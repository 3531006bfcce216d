"""Reference log-probs, computed once per data set before training starts: then no second model is ever held."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from posttrain.core.group import Floats
from posttrain.core.packing import collate, pack
from posttrain.data.store import GroupStore
from posttrain.files import hash_of, sha256_of, whole_folder, write_json
from posttrain.policy.device import cache_folder
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy

CHUNK = 256
"""Groups packed together."""


def reference_key(policy: Policy, model_hash: str, store: GroupStore) -> str:
    """What the log-probs depend on: the weights, the tokens, and how they are computed."""
    return hash_of([model_hash, sha256_of(store.folder), str(policy.autocast), policy.branching, str(policy.device)])


def reference_logprobs(
    policy: Policy, store: GroupStore, key: str, row_tokens: int, on_groups: Callable[[int], None] = lambda n: None
) -> Floats:
    """Log-prob under `policy` as it stands of every loss token of the store, in its order, float32 [N].

    Kept in the cache folder under `key`, so that a second run with other options does not compute them again.

    Args:
        on_groups: called with the number of groups done.
    """
    folder = cache_folder() / "reference" / key
    path = folder / "logprobs.bin"
    if not (folder / "about.json").is_file():
        with whole_folder(folder) as target:
            _compute(policy, store, row_tokens, target / path.name, on_groups)
            write_json(target / "about.json", {"groups": len(store), "loss_tokens": store.loss_tokens})
    assert json.loads((folder / "about.json").read_text())["loss_tokens"] == store.loss_tokens
    return np.memmap(path, dtype=np.float32, mode="r", shape=(store.loss_tokens,))


@torch.no_grad()
def _compute(policy: Policy, store: GroupStore, row_tokens: int, path: Path, on_groups: Callable[[int], None]) -> None:
    with path.open("wb") as file:
        for start in range(0, len(store), CHUNK):
            groups = [store[i] for i in range(start, min(len(store), start + CHUNK))]
            found: dict[int, Floats] = {}
            for row in pack([group.size for group in groups], row_tokens):
                logp_N = forward(policy, collate([groups[i] for i in row], policy.device), {"logp"}).logp_N
                assert logp_N is not None
                parts = np.split(logp_N.cpu().numpy(), np.cumsum([groups[i].loss_tokens for i in row])[:-1])
                found.update(zip(row, parts, strict=True))
            for i in range(len(groups)):
                found[i].astype(np.float32).tofile(file)
            on_groups(start + len(groups))
