"""Generation with vLLM: its inputs, and the completions from its outputs. A substitute generates: vLLM needs a GPU."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from byte_model import save_byte_model
from posttrain.core.group import Completion, Group
from posttrain.errors import InputError
from posttrain.generation.engine import generate_completions
from posttrain.generation.options import VllmOptions
from posttrain.generation.request import Generate, decoding
from posttrain.generation.sampling import Sampling
from posttrain.generation.vllm import vllm_generate
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.options import LoraOptions
from posttrain.policy.value_head import add_value_head

PROMPTS = [np.array(ids, np.int32) for ids in ([70, 80], [71, 72, 73], [90])]
APART = 0.25
"""Nats by which the substitute's log-probs are too high."""


class StandIn:
    """The used parts of ``vllm.LLM``; it generates with its own transformers model."""

    def __init__(self, model: str, **settings: Any) -> None:
        self.policy = load_policy(model)
        self.settings = settings
        self.cached = True
        runner = SimpleNamespace(model=SimpleNamespace(load_weights=self.load_weights))
        driver = SimpleNamespace(model_runner=runner)
        self.llm_engine = SimpleNamespace(model_executor=SimpleNamespace(driver_worker=driver))

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        own, given = dict(self.policy.model.named_parameters()), dict(weights)
        assert own.keys() == given.keys()
        for name, parameter in own.items():
            parameter.data.copy_(given[name])

    def reset_prefix_cache(self) -> None:
        self.cached = False

    def generate(
        self, prompts: Sequence[Mapping[str, list[int]]], settings: Sequence[Any], use_tqdm: bool
    ) -> list[Any]:
        assert not self.cached, "keys of other weights would be read"
        self.cached = True
        return [self._answer(p["prompt_token_ids"], one) for p, one in zip(prompts, settings, strict=True)]

    def _answer(self, prompt: list[int], params: Any) -> Any:
        stop = tuple(params.stop)
        sampling = Sampling(params.max_tokens, temperature=params.temperature, stop=stop, seed=params.seed)
        (found,) = generate_completions(self.policy, [np.array(prompt, np.int32)], sampling, n=params.n)
        return SimpleNamespace(
            outputs=[
                SimpleNamespace(
                    token_ids=one.tokens.tolist(),
                    logprobs=[
                        {token: SimpleNamespace(logprob=float(logp) + APART)}
                        for token, logp in zip(one.tokens, one.logp, strict=True)
                    ],
                    finish_reason="stop" if one.ended else "length",
                )
                for one in found
            ]
        )


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    made: list[StandIn] = []

    def open_llm(**settings: Any) -> StandIn:
        made.append(StandIn(**settings))
        return made[-1]

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=open_llm, SamplingParams=SimpleNamespace))  # type: ignore[arg-type]
    monkeypatch.delenv("VLLM_ENABLE_V1_MULTIPROCESSING", raising=False)
    return made


def writer_of(policy: Policy, folder: Path) -> Generate:
    return vllm_generate(policy, str(folder), VllmOptions(), longest=20, rows=8, seed=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(save_byte_model(tmp_path / "model"))


def learn(policy: Policy, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("lora", [None, LoraOptions(rank=4)])
def test_it_generates_with_the_policy_s_current_weights(
    lora: LoraOptions | None, folder: Path, llm: list[StandIn]
) -> None:
    policy = load_policy(str(folder))
    if lora is not None:
        add_lora(policy, lora)
    add_value_head(policy)
    write = writer_of(policy, folder)
    for step in range(2):
        learn(policy, step)
        write(PROMPTS, Sampling(4), 2, range(3))
        for theirs, ours in zip(logits_of(llm[0].policy), logits_of(policy), strict=True):
            assert theirs == pytest.approx(ours, abs=1e-4)


def logits_of(policy: Policy) -> list[float]:
    with torch.no_grad(), decoding(policy):
        found: list[float] = policy.model(torch.tensor([[70, 80, 90]])).logits[0, -1].tolist()
    return found


def test_answers_become_completions_with_their_log_probs(folder: Path, llm: list[StandIn]) -> None:
    policy = load_policy(str(folder))
    found = writer_of(policy, folder)(PROMPTS, Sampling(30, stop=("a",), seed=3), 4, [5, 6, 7])
    flat = [one for some in found for one in some]
    assert [len(some) for some in found] == [4, 4, 4]
    assert {one.ended for one in flat} == {True, False}
    for one in flat:
        text = policy.tokenizer.decode(one.tokens.tolist())
        assert one.ended == ("a" in text or one.tokens[-1] in policy.end_tokens)
    for prompt, some in zip(PROMPTS, found, strict=True):
        for one in some:
            group = Group("", prompt, (Completion(one.tokens, np.ones(len(one.tokens), np.bool_)),))
            (own,) = outputs_by_group(policy, [group], {"logp"}, 99)
            assert own.logp_N is not None
            assert one.logp == pytest.approx(own.logp_N.numpy() + APART, abs=1e-4)


def test_draws_differ_between_prompts_and_seeds_and_come_again(folder: Path, llm: list[StandIn]) -> None:
    write = writer_of(load_policy(str(folder)), folder)

    def draw(seed: int, ids: Sequence[int]) -> list[list[list[int]]]:
        found = write([PROMPTS[0]] * len(ids), Sampling(8, temperature=2.0, seed=seed), 2, ids)
        return [[one.tokens.tolist() for one in some] for some in found]

    assert draw(0, [1, 2]) == draw(0, [1, 2])
    assert draw(0, [1, 2])[::-1] == draw(0, [2, 1])
    assert draw(0, [1])[0] != draw(0, [2])[0]
    assert draw(0, [1]) != draw(1, [1])


def test_where_it_is_missing_the_error_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(InputError, match=r"pip install 'posttrain\[vllm\]'"):
        writer_of(load_policy(str(folder)), folder)
