"""The saved folder, read by transformers, is the trained model."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

from byte_model import save_byte_model
from posttrain.core.group import Completion, Group
from posttrain.core.packing import collate
from posttrain.files import sha256_of
from posttrain.policy import verify
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.open import open_policy
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.save import save_policy
from structures import random_group
from tiny_models import BRANCHING, save_model


def test_a_reward_model_scores_alike_in_transformers_even_where_pad_is_the_end_token(tmp_path: Path) -> None:
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


def test_weights_are_saved_in_half_precision_if_the_recipe_wants_it(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "base")))
    save_policy(policy, tmp_path / "half", dtype="bfloat16")
    assert load_policy(str(tmp_path / "half"), dtype=torch.bfloat16).base.dtype == torch.bfloat16
    assert '"bfloat16"' in (tmp_path / "half/config.json").read_text()
    assert policy.base.dtype == torch.float32


@pytest.mark.parametrize("mark", ["Ġ", "▁", ""], ids=["byte-level words", "SentencePiece words", "no words"])
def test_a_tokenizer_with_one_special_token_still_gets_a_pad_token(mark: str, tmp_path: Path) -> None:
    """Scores of a batch equal single scores. Without words in the tokenizer, the folder scores one text at a time."""
    letters = {"</s>": 0} | {chr(ord("a") + n): 1 + n for n in range(20)}
    words = {f"{mark}{word}": 21 + n for n, word in enumerate(("the", "zephyr"))} if mark else {}
    name = save_model(tmp_path / "base", {**BRANCHING["llama"], "vocab_size": 34, "pad_token_id": None})
    backend = Tokenizer(BPE(vocab=letters | words, merges=[]))
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>").save_pretrained(name)
    policy = load_policy(name, task="score")
    torch.nn.init.normal_(policy.base.score.weight)
    save_policy(policy, tmp_path / "reward")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "reward")
    assert tokenizer.pad_token == (f"{mark}zephyr" if mark else None)
    assert tokenizer("abc").input_ids == load_policy(name).tokenizer("abc").input_ids
    if mark:
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward").eval()
        texts = ["abc</s>", "abcdefgh</s>"]
        with torch.no_grad():
            together = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
            alone = torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in texts])
        assert torch.allclose(together, alone, atol=1e-5)


def test_an_adapters_folder_has_the_same_bytes_from_any_process(tmp_path: Path) -> None:
    """peft keeps the layers' names as a set, whose order depends on the process."""
    name = str(save_byte_model(tmp_path / "base"))
    code = (
        "import sys; from pathlib import Path; from posttrain.policy.load import load_policy\n"
        "from posttrain.policy.lora.adapters import add_lora; from posttrain.policy.options import LoraOptions\n"
        "from posttrain.policy.save import save_policy\n"
        "policy = load_policy(sys.argv[1]); add_lora(policy, LoraOptions(rank=2))\n"
        "save_policy(policy, Path(sys.argv[2]))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, name, str(tmp_path / seed)], check=True, env=environment)
    assert sha256_of(tmp_path / "1") == sha256_of(tmp_path / "2")
    targets = json.loads((tmp_path / "1/adapter_config.json").read_text())["target_modules"]
    assert len(targets) > 2
    assert targets == sorted(targets)


def test_a_small_update_that_peft_rounds_away_is_a_note_and_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With peft the folder's log-probs in bfloat16 are those of half the update; the folder is right all the same."""
    monkeypatch.setitem(verify.TOLERANCE, "bfloat16", 0.0105)  # this model's own rounding is 0.0074, peft's loss 0.0145
    rng = np.random.default_rng(0)
    groups = [text_of_bytes(rng) for _ in range(4)]
    policy = slightly_trained(
        save_byte_model(tmp_path / "base", hidden_size=64, num_hidden_layers=12, initializer_range=0.2), groups
    )
    notes: list[str] = []
    save_policy(policy, tmp_path / "saved", verify_on=groups, on_note=notes.append)
    assert len(notes) == 1
    of_peft, here = (float(number) for number in re.findall(r"-\d+\.\d+", notes[0]))
    start, trained = -6.62, -6.47
    assert here == pytest.approx(trained, abs=0.03)
    assert of_peft == pytest.approx((start + trained) / 2, abs=0.03)
    assert "load this adapter in float32" in notes[0]


def text_of_bytes(rng: np.random.Generator) -> Group:
    """20 random tokens, and 30 to learn."""
    prompt, learnt = (rng.integers(6, 250, count).astype(np.int32) for count in (20, 30))
    return Group("", prompt, (Completion(learnt, np.ones(30, np.bool_)),))


def slightly_trained(base: Path, groups: list[Group]) -> Policy:
    """A policy in bfloat16 with an adapter after two steps, each far below the rounding of the layers' outputs."""
    policy = open_policy(str(base), PolicyOptions(precision="bfloat16", device="cpu", lora=LoraOptions(rank=4)))
    optimizer = torch.optim.AdamW([p for p in policy.model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0)
    for _ in range(2):
        logp_N = forward(policy, collate(groups), {"logp"}).logp_N
        assert logp_N is not None
        optimizer.zero_grad()
        (-logp_N.mean()).backward()
        optimizer.step()
    return policy
