"""Reference log-probs. They are computed once per data set before training, so that memory holds only one model."""

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

import numpy as np

from posttrain.core.group import Floats
from posttrain.data.sets.store import GroupStore
from posttrain.files import PARTIAL, hash_of, is_sound, locked_cache, seal, sha256_of, whole_folder
from posttrain.policy.device import cache_folder
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.verify import weights_dtype
from posttrain.ranks.exchange import on_main
from posttrain.ranks.group import is_main, size

_FILE = "logprobs.bin"

CHUNK = 256
"""Groups that are packed together."""


def reference_key(policy: Policy, model_hash: str, store: GroupStore) -> str:
    """A hash of everything that the log-probs depend on: weights, tokens, dtypes, device, branching and shards."""
    way = [str(policy.autocast), str(weights_dtype(policy)), policy.branching, policy.device.type]
    shards = [] if policy.shards is None else ["shards"]
    return hash_of([model_hash, sha256_of(store.folder), *way, *shards])


def reference_logprobs(
    policy: Policy, store: GroupStore, key: str, row_tokens: int, on_groups: Callable[[int], None] = lambda n: None
) -> Floats:
    """The log-prob under the current `policy` of every loss token of the store, in its order, float32 [N].

    The cache folder keeps them under `key` for further runs with other options.

    Args:
        on_groups: called with the number of groups done.
    """
    folder = cache_folder() / "reference" / key

    def is_there() -> bool:
        return on_main(lambda: is_sound(folder))

    if not is_there():
        with locked_cache(folder) if is_main() else nullcontext():
            if not is_there():  # another run may have computed them meanwhile
                _write(folder, _computed(policy, store, row_tokens, on_groups))
    path = on_main(lambda: _beside(store, folder / _FILE)) if size() > 1 else folder / _FILE
    return np.memmap(path, dtype=np.float32, mode="r", shape=(store.loss_tokens,))


def _beside(store: GroupStore, path: Path) -> Path:
    """The file in the run directory, which all machines share; the cache belongs to one machine."""
    shared = store.folder.parent.with_name(f"reference-{store.folder.name}.bin")
    partial = shared.with_name(shared.name + PARTIAL)
    shutil.copyfile(path, partial)
    partial.replace(shared)
    return shared


def _computed(
    policy: Policy, store: GroupStore, row_tokens: int, on_groups: Callable[[int], None]
) -> Iterator[list[Floats]]:
    """The log-probs of each chunk of groups. The ranks divide the groups among them."""
    for start in range(0, len(store), CHUNK):
        groups = [store[i] for i in range(start, min(len(store), start + CHUNK))]
        outputs = outputs_by_group(policy, groups, {"logp"}, row_tokens)
        yield [out.logp_N.numpy() for out in outputs if out.logp_N is not None]
        on_groups(start + len(groups))


def _write(folder: Path, chunks: Iterator[list[Floats]]) -> None:
    """Write the log-probs on the main process; the other ranks help to compute them."""
    if is_main():
        with whole_folder(folder) as target:
            with (target / _FILE).open("wb") as file:
                for logp_N in chain.from_iterable(chunks):
                    logp_N.tofile(file)
            seal(target)
    else:
        deque(chunks, maxlen=0)
    on_main(lambda: None)  # the file is there
