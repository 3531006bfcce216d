"""Greedy completions: the same alone and in a batch, and the model left as it was."""

from pathlib import Path

import numpy as np
import torch

from byte_model import save_byte_model
from posttrain.policy.load import load_policy
from posttrain.rollout import engine


def test_a_batch_gives_what_each_prompt_gives_alone(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    policy = load_policy(str(save_byte_model(tmp_path / "model", seed=3)))
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.mul_(3.0)  # decided enough that no two tokens tie
    rng = np.random.default_rng(0)
    prompts = [rng.integers(6, 200, int(n)).astype(np.int32) for n in (3, 17, 9, 1, 30)]
    monkeypatch.setattr(engine, "BATCH", 3)
    together = engine.greedy(policy, prompts, max_new_tokens=12)
    for prompt, found in zip(prompts, together, strict=True):
        text = torch.tensor(prompt.tolist())[None]
        policy.base.set_attn_implementation("sdpa")
        for _ in range(12):
            chosen = int(policy.base(text).logits[0, -1].argmax())
            if chosen in policy.end_tokens:
                break
            text = torch.cat([text, torch.tensor([[chosen]])], 1)
        assert found.tolist() == text[0, len(prompt) :].tolist()


def test_the_models_attention_is_put_back(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model")))
    before = policy.base.config._attn_implementation
    engine.greedy(policy, [np.array([5, 6], np.int32)], max_new_tokens=1)
    assert policy.base.config._attn_implementation == before
