"""Reference log-probs are correct, cached, and never those of another model."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from posttrain.core.group import Group
from posttrain.core.packing import collate
from posttrain.data.sets.store import GroupStore, StoreWriter
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy
from posttrain.train.reference_logprobs import reference_key, reference_logprobs


@pytest.fixture
def store(groups: list[Group], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GroupStore:
    monkeypatch.setenv("POSTTRAIN_CACHE", str(tmp_path / "cache"))
    writer = StoreWriter(tmp_path / "store")
    for group in groups:
        writer.add(Group(group.where, group.prompt, group.completions, {"rank": group.columns["rank"]}))
    writer.close()
    return GroupStore(tmp_path / "store")


def test_they_are_the_policys_own_in_the_stores_order(policy: Policy, store: GroupStore) -> None:
    logprobs = reference_logprobs(policy, store, reference_key(policy, "model", store), row_tokens=30)
    with torch.no_grad():
        alone = [forward(policy, collate([store[i]]), {"logp"}).logp_N for i in range(len(store))]
    assert np.allclose(logprobs, torch.cat([a for a in alone if a is not None]).numpy(), atol=1e-5)
    with_reference = GroupStore(store.folder, {"ref_logp": logprobs})
    batch = collate([with_reference[i] for i in (3, 7)])
    assert len(batch.columns["ref_logp"]) == len(batch.target_N)


def test_a_second_call_reads_what_the_first_one_kept(policy: Policy, store: GroupStore) -> None:
    key = reference_key(policy, "model", store)
    first = np.array(reference_logprobs(policy, store, key, 100))
    with torch.no_grad():
        policy.base.get_input_embeddings().weight.add_(1.0)
    assert np.array_equal(reference_logprobs(policy, store, key, 100), first)


def test_another_model_or_other_data_has_another_key(policy: Policy, store: GroupStore) -> None:
    keys = {reference_key(policy, "a", store), reference_key(policy, "b", store)}
    (store.folder / "tokens.bin").write_bytes(b"\1" * (store.folder / "tokens.bin").stat().st_size)
    keys.add(reference_key(policy, "a", store))
    assert len(keys) == 3


def test_runs_at_the_same_time_compute_them_once(policy: Policy, store: GroupStore) -> None:
    key = reference_key(policy, "model", store)
    computed: list[int] = []
    alone = np.array(reference_logprobs(policy, store, key + "-alone", 100))
    with ThreadPoolExecutor(4) as runs:
        results = [runs.submit(reference_logprobs, policy, store, key, 100, computed.append) for _ in range(4)]
    assert all(np.array_equal(result.result(), alone) for result in results)
    assert sum(computed) == len(store)
