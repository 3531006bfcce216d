"""What is saved is what was trained, as transformers reads it."""

from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from byte_model import save_byte_model
from posttrain.core.packing import collate
from posttrain.policy.forward import forward
from posttrain.policy.load import load_policy
from posttrain.policy.save import save_policy
from structures import random_group


def test_a_reward_model_scores_alike_in_transformers_even_where_pad_is_the_end_token(tmp_path: Path) -> None:
    import numpy as np

    name = str(save_byte_model(tmp_path / "base"))
    policy = load_policy(name, task="score")
    policy.tokenizer.pad_token = policy.tokenizer.eos_token
    policy.base.config.pad_token_id = policy.tokenizer.eos_token_id
    torch.nn.init.normal_(policy.base.score.weight)
    group = random_group(np.random.default_rng(0), 5, [3, 9])
    for completion in group.completions:
        completion.tokens[-1] = policy.tokenizer.eos_token_id
    batch = collate([group])
    scores = forward(policy, batch, {"score"}).score_C
    save_policy(policy, tmp_path / "reward")

    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "reward")
    rows = [[*group.prompt.tolist(), *c.tokens.tolist()] for c in group.completions]
    padded = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
    assert scores is not None
    assert torch.allclose(model(**padded).logits[:, 0], scores, atol=1e-5)


def test_half_precision_is_kept_where_asked(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "base")))
    save_policy(policy, tmp_path / "half", dtype="bfloat16")
    assert load_policy(str(tmp_path / "half"), dtype=torch.bfloat16).base.dtype == torch.bfloat16
    assert '"bfloat16"' in (tmp_path / "half/config.json").read_text()
    assert policy.base.dtype == torch.float32
