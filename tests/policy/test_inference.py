"""Outputs come group by group, and do not depend on how the groups are packed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from byte_model import save_byte_model
from posttrain.core.packing import collate
from posttrain.policy.forward import forward
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import load_policy
from structures import random_group


@pytest.mark.parametrize("row_tokens", [1, 30, 4096])
def test_each_group_gets_what_it_gets_alone(row_tokens: int, tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    rng = np.random.default_rng(0)
    groups = [random_group(rng, 4, lengths) for lengths in ([9, 2], [3], [14, 1, 5], [2, 2])]
    results = outputs_by_group(policy, groups, {"logp", "entropy"}, row_tokens, temperature=0.5)
    for group, outputs in zip(groups, results, strict=True):
        with torch.no_grad():
            alone = forward(policy, collate([group]), {"logp", "entropy"}, temperature=0.5)
        assert outputs.score_C is None
        for one, other in ((outputs.logp_N, alone.logp_N), (outputs.entropy_N, alone.entropy_N)):
            assert one is not None
            assert other is not None
            assert not one.requires_grad
            assert torch.allclose(one, other, atol=1e-5)
