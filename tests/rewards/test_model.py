"""Scores of a trained reward model over groups."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from byte_model import save_byte_model
from posttrain.policy.load import load_policy
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.save import save_policy
from posttrain.rewards.model import reward_model_scores
from structures import random_group


def test_a_saved_reward_model_scores_every_completion_as_transformers_does(tmp_path: Path) -> None:
    made = load_policy(str(save_byte_model(tmp_path / "base")), task="score")
    torch.nn.init.normal_(made.base.score.weight)
    save_policy(made, tmp_path / "reward")

    policy = open_policy(str(tmp_path / "reward"), PolicyOptions(device="cpu"), task="score", train=False)
    random = np.random.default_rng(0)
    groups = [random_group(random, 5, lengths) for lengths in ([3, 9], [4], [2, 7, 5], [11, 1])]
    peer = AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward").eval()
    with torch.no_grad():
        expected = [
            peer(torch.tensor([[*group.prompt.tolist(), *completion.tokens.tolist()]])).logits[0, 0].item()
            for group in groups
            for completion in group.completions
        ]
    assert len(set(expected)) == 8
    for row_tokens in (4096, 24, 1):  # all in one row, some together, each group alone
        scores = reward_model_scores(policy, groups, row_tokens=row_tokens)
        assert scores == pytest.approx(expected, abs=1e-4)
        assert all(isinstance(value, float) for value in scores)
