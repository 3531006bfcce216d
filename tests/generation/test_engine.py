"""The engine generates the completions of transformers' own `generate`, whatever else it generates."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from byte_model import save_byte_model
from posttrain.core.group import Completion, Group, Ints
from posttrain.core.packing import collate
from posttrain.generation.engine import generate_completions, greedy
from posttrain.generation.sampling import Sampling
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.probe import settle_layout
from structures import VOCABULARY
from tiny_models import BRANCHING, LONE, save_model

torch.set_num_threads(1)

RNG = np.random.default_rng(0)
PROMPTS: list[Ints] = [RNG.integers(2, VOCABULARY, length).astype(np.int32) for length in (1, 3, 9, 9, 5, 14, 2)]


def opened(folder: Path, name: str) -> Policy:
    policy = load_policy(save_model(folder, (BRANCHING | LONE)[name]))
    settle_layout(policy)
    return policy


@pytest.mark.parametrize("name", [*BRANCHING, *LONE])
def test_greedy_equals_generate_token_for_token(name: str, tmp_path: Path) -> None:
    policy = opened(tmp_path, name)
    found = generate_completions(policy, PROMPTS, Sampling(16, temperature=0), n=2, rows=5)
    model = type(policy.base).from_pretrained(tmp_path)
    for prompt, written in zip(PROMPTS, found, strict=True):
        ids = torch.tensor([prompt.tolist()])
        expected = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=16,
            do_sample=False,
            eos_token_id=list(policy.end_tokens) or None,
            pad_token_id=1,
        )
        for one in written:
            assert one.tokens.tolist() == expected[0, len(prompt) :].tolist()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("name", ["llama", "mistral, window 4", "gemma2", "gpt2", "mamba (state space)"])
def test_the_log_probs_are_those_of_a_plain_forward(name: str, temperature: float, tmp_path: Path) -> None:
    policy = opened(tmp_path, name)
    found = generate_completions(policy, PROMPTS, Sampling(12, temperature=temperature), n=3, rows=6)
    for prompt, written in zip(PROMPTS, found, strict=True):
        branches = tuple(Completion(one.tokens, np.ones(len(one.tokens), np.bool_)) for one in written)
        with torch.no_grad():
            logp = forward(policy, collate([Group("x", prompt, branches)]), {"logp"}, temperature=temperature).logp_N
        assert logp is not None
        assert np.allclose(np.concatenate([one.logp for one in written]), logp.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "gemma3", "mamba (state space)"])
def test_a_request_does_not_depend_on_its_neighbours(name: str, tmp_path: Path) -> None:
    policy = opened(tmp_path, name)
    sampling = Sampling(12, seed=7)
    together = generate_completions(policy, PROMPTS, sampling, n=3, rows=6)
    for place, prompt in enumerate(PROMPTS):
        (alone,) = generate_completions(policy, [prompt], sampling, n=3, ids=[place])
        assert [one.tokens.tolist() for one in alone] == [one.tokens.tolist() for one in together[place]]


def test_siblings_and_seeds_differ(tmp_path: Path) -> None:
    policy = opened(tmp_path, "llama")
    (first,) = generate_completions(policy, PROMPTS[:1], Sampling(12, temperature=2.0, seed=1), n=4)
    (second,) = generate_completions(policy, PROMPTS[:1], Sampling(12, temperature=2.0, seed=2), n=4)
    assert len({tuple(one.tokens.tolist()) for one in (*first, *second)}) == 8


def test_a_stop_string_ends_a_completion_and_stays_in_it(tmp_path: Path) -> None:
    policy = load_policy(str(save_byte_model(tmp_path / "model", seed=3)))
    free = generate_completions(policy, [np.array([70], np.int32)], Sampling(40, seed=1))[0][0]
    text = policy.tokenizer.decode(free.tokens)
    stop = text[5:7]
    cut = generate_completions(policy, [np.array([70], np.int32)], Sampling(40, seed=1, stop=(stop,)))[0][0]
    assert cut.ended
    assert policy.tokenizer.decode(cut.tokens).endswith(stop)
    assert cut.tokens.tolist() == free.tokens[: len(cut.tokens)].tolist()


def test_a_completion_ends_with_its_end_token_or_at_its_limit(tmp_path: Path) -> None:
    policy = opened(tmp_path, "llama")
    policy.end_tokens = (1, 2, 3, 4, 5)
    for group in generate_completions(policy, PROMPTS, Sampling(8), n=4, rows=7):
        for one in group:
            ends = np.isin(one.tokens, policy.end_tokens)
            assert not ends[:-1].any()
            assert one.ended == ends[-1]
            assert one.ended or len(one.tokens) == 8


def test_progress_counts_every_completion(tmp_path: Path) -> None:
    counts: list[int] = []
    generate_completions(opened(tmp_path, "llama"), PROMPTS, Sampling(6), n=3, rows=4, on_done=counts.append)
    assert counts[-1] == 3 * len(PROMPTS)
    assert counts == sorted(counts)


def test_greedy_leaves_the_end_token_out(tmp_path: Path) -> None:
    policy = opened(tmp_path, "llama")
    free = generate_completions(policy, PROMPTS, Sampling(30, temperature=0))
    policy.end_tokens = (int(free[0][0].tokens[4]), int(free[3][0].tokens[2]))
    with_end = generate_completions(policy, PROMPTS, Sampling(30, temperature=0))
    assert any(one.ended for (one,) in with_end)
    for tokens, (one,) in zip(greedy(policy, PROMPTS, max_new_tokens=30), with_end, strict=True):
        assert tokens.tolist() == one.tokens[: len(one.tokens) - one.ended].tolist()


@pytest.mark.parametrize("disturb", [lambda p: None, lambda p: p.model.train(), lambda p: p.model.model.norm.train()])
def test_the_model_is_unchanged_afterwards(disturb: Callable[[Policy], None], tmp_path: Path) -> None:
    policy = opened(tmp_path, "llama")
    disturb(policy)
    before = policy.base.config._attn_implementation, [m.training for m in policy.model.modules()]
    generate_completions(policy, PROMPTS[:2], Sampling(2))
    assert (policy.base.config._attn_implementation, [m.training for m in policy.model.modules()]) == before


def test_the_story_of_a_real_small_model(data_dir: Path) -> None:
    policy = load_policy(str(data_dir / "models" / "stories260K"))
    settle_layout(policy)
    start = policy.tokenizer("Once upon a time", add_special_tokens=False)["input_ids"]
    prompt = np.array([policy.tokenizer.bos_token_id, *start], np.int32)
    ids = torch.tensor([prompt.tolist()])
    reference = type(policy.base).from_pretrained(data_dir / "models" / "stories260K")
    expected = reference.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=120,
        do_sample=False,
        eos_token_id=list(policy.end_tokens),
        pad_token_id=0,
    )[0, len(prompt) :].tolist()
    assert generate_completions(policy, [prompt], Sampling(120, temperature=0))[0][0].tokens.tolist() == expected
