"""Reference log-probs. They are computed once per data set before training, so that memory holds only one model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from posttrain.core.group import Floats
from posttrain.data.sets.store import GroupStore
from posttrain.files import hash_of, is_sound, locked_cache, seal, sha256_of, whole_folder
from posttrain.policy.device import cache_folder
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.verify import weights_dtype

CHUNK = 256
"""Groups that are packed together."""


def reference_key(policy: Policy, model_hash: str, store: GroupStore) -> str:
    """A hash of everything that the log-probs depend on: weights, tokens, dtypes, device and branching."""
    dtypes = [str(policy.autocast), str(weights_dtype(policy))]
    return hash_of([model_hash, sha256_of(store.folder), *dtypes, policy.branching, str(policy.device)])


def reference_logprobs(
    policy: Policy, store: GroupStore, key: str, row_tokens: int, on_groups: Callable[[int], None] = lambda n: None
) -> Floats:
    """The log-prob under the current `policy` of every loss token of the store, in its order, float32 [N].

    The cache folder keeps them under `key` for further runs with other options.

    Args:
        on_groups: called with the number of groups done.
    """
    folder = cache_folder() / "reference" / key
    path = folder / "logprobs.bin"
    if not is_sound(folder):
        with locked_cache(folder):
            if not is_sound(folder):  # another run may have computed them meanwhile
                with whole_folder(folder) as target:
                    _compute(policy, store, row_tokens, target / path.name, on_groups)
                    seal(target)
    return np.memmap(path, dtype=np.float32, mode="r", shape=(store.loss_tokens,))


def _compute(policy: Policy, store: GroupStore, row_tokens: int, path: Path, on_groups: Callable[[int], None]) -> None:
    with path.open("wb") as file:
        for start in range(0, len(store), CHUNK):
            groups = [store[i] for i in range(start, min(len(store), start + CHUNK))]
            for outputs in outputs_by_group(policy, groups, {"logp"}, row_tokens):
                assert outputs.logp_N is not None
                outputs.logp_N.numpy().tofile(file)
            on_groups(start + len(groups))
