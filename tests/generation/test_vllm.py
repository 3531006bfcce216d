"""Generation by a vLLM server: it has the policy's weights of each rollout, whatever happens to it."""

import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from byte_model import save_byte_model
from posttrain.core.group import Completion, Group
from posttrain.errors import InputError, RunError
from posttrain.generation.options import VllmOptions
from posttrain.generation.request import decoding
from posttrain.generation.sampling import Sampling
from posttrain.generation.vllm.connect import open_vllm
from posttrain.generation.vllm.writer import VllmWriter
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.options import LoraOptions
from posttrain.policy.value_head import add_value_head
from vllm_stand_in import APART, StandIn, vllm_server

PROMPTS = [np.array(ids, np.int32) for ids in ([70, 80], [71, 72, 73], [90])]
IDS = [0, 1, 2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(save_byte_model(tmp_path / "model"))


@pytest.fixture
def server(folder: Path) -> Generator[StandIn]:
    with vllm_server(folder) as server:
        yield server


def options(server: StandIn, **settings: Any) -> VllmOptions:
    return VllmOptions.model_validate(
        {"url": server.url, "model": "base", "retries": 0, "backoff": 0, "wait": 10, **settings}
    )


def writer_of(policy: Policy, server: StandIn, notes: list[str] | None = None, **settings: Any) -> VllmWriter:
    return open_vllm(
        policy,
        str(server.folder),
        options(server, **settings),
        server.folder.parent / "weights",
        longest=20,
        on_note=([] if notes is None else notes).append,
    )


def adapted(folder: Path, lora: LoraOptions | None) -> Policy:
    policy = load_policy(str(folder))
    if lora is not None:
        add_lora(policy, lora)
    return policy


def learn(policy: Policy, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in policy.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)


def logits_of(policy: Policy) -> list[float]:
    with torch.no_grad(), decoding(policy):
        found: list[float] = policy.model(torch.tensor([[70, 80, 90]])).logits[0, -1].tolist()
    return found


KINDS: dict[str, tuple[LoraOptions | None, bool]] = {
    "all weights": (None, False),
    "lora": (LoraOptions(rank=4), True),
    "rslora": (LoraOptions(rank=4, rslora=True), True),
    "pissa": (LoraOptions(rank=2, start="pissa"), True),
    "dora": (LoraOptions(rank=4, dora=True), False),
    "modules_to_save": (LoraOptions(rank=4, modules_to_save=("norm",)), False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_server_has_the_policy_s_current_weights(kind: str, folder: Path, server: StandIn) -> None:
    lora, sent_alone = KINDS[kind]
    policy = adapted(folder, lora)
    writer = writer_of(policy, server)
    add_value_head(policy)
    assert writer.adapter == sent_alone, "an adapter that vLLM cannot load is merged into the weights"
    for number in range(2):
        learn(policy, number)
        writer.load_for_rollout(number)
        (written,) = writer(PROMPTS[:1], Sampling(4), 2, [0])
        served = server.models[server.served[-1] if sent_alone else "base"]
        assert logits_of(served) == pytest.approx(logits_of(policy), abs=1e-4)
        assert {one.weights for one in written} == {writer._weights.name}  # type: ignore[union-attr]
        assert len(server.models) == 1 + sent_alone, "earlier adapters are unloaded"
    assert server.loads == ["weights-00000000", "weights-00000001"]
    assert sorted(p.name for p in writer.folder.iterdir()) == ["weights-00000001"], "earlier folders are deleted"
    writer.end()
    assert not writer.folder.exists()


def test_an_adapter_is_sent_alone_only_to_a_server_of_its_base(folder: Path, server: StandIn, tmp_path: Path) -> None:
    policy = adapted(folder, LoraOptions(rank=4))
    assert writer_of(policy, server).adapter
    server.folder = tmp_path
    assert not open_vllm(policy, str(folder), options(server), tmp_path, longest=9, on_note=print).adapter
    server.folder = folder
    assert not writer_of(policy, server, send="weights").adapter
    with pytest.raises(InputError, match=r"vllm\.send: .*set `send: weights`"):
        writer_of(adapted(folder, LoraOptions(rank=4, dora=True)), server, send="adapter")


def test_equal_weights_are_loaded_once(folder: Path, server: StandIn) -> None:
    policy = adapted(folder, None)
    writer = writer_of(policy, server)
    writer.load_current()
    writer.load_for_rollout(0)
    assert server.loads == ["weights-now"]
    learn(policy)
    writer.load_current()
    assert server.loads == ["weights-now", "weights-now"]


def test_answers_become_completions_with_their_log_probs(folder: Path, server: StandIn) -> None:
    policy = load_policy(str(folder))
    writer = writer_of(policy, server)
    writer.load_for_rollout(0)
    found = writer(PROMPTS, Sampling(30, stop=("a",), seed=3), 4, [5, 6, 7])
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


def test_draws_differ_between_prompts_and_seeds_and_come_again(folder: Path, server: StandIn) -> None:
    writer = writer_of(load_policy(str(folder)), server)
    writer.load_for_rollout(0)

    def draw(seed: int, ids: Sequence[int]) -> list[list[list[int]]]:
        found = writer([PROMPTS[0]] * len(ids), Sampling(8, temperature=2.0, seed=seed), 2, ids)
        return [[one.tokens.tolist() for one in some] for some in found]

    assert draw(0, [1, 2]) == draw(0, [1, 2])
    assert draw(0, [1, 2])[::-1] == draw(0, [2, 1])
    assert draw(0, [1])[0] != draw(0, [2])[0]
    assert draw(0, [1]) != draw(1, [1])
    assert all("seed" in body for body in server.bodies)
    server.bodies.clear()
    bare = writer_of(load_policy(str(folder)), server, seeds=False)
    bare.load_for_rollout(0)
    bare(PROMPTS, Sampling(3), 1, IDS)
    assert not any("seed" in body for body in server.bodies)


def test_with_a_lag_the_next_rollout_is_of_the_weights_at_the_start_of_this_one(folder: Path, server: StandIn) -> None:
    policy = adapted(folder, LoraOptions(rank=4))
    writer, sampling = writer_of(policy, server, lag=1), Sampling(4)
    names: list[str] = []
    for number in range(4):
        writer.load_for_rollout(number)
        (written, *_) = writer(PROMPTS, sampling, 2, [number] * 3)
        names.append(str(written[0].weights))
        writer.begin_next(number, PROMPTS, sampling, 2, [number + 1] * 3)
        start = str(writer._weights.name) if writer._weights else ""
        learn(policy, number)  # the trainer's step, while the server generates
        if number == 2:
            writer.load_current()  # held-out prompts are answered by the newest weights
            (held_out,) = writer(PROMPTS[:1], sampling, 1, [9])
            assert held_out[0].weights not in names
    assert writer.figures()["sampling/wait_seconds"] > 0
    assert names[0] == names[1], "the first two rollouts are of the first weights"
    assert len(set(names)) == 3
    assert {one for one in server.served if one in names} == set(names)
    again = writer_of(policy, server, lag=1)  # a resumed run, whose policy has learnt since
    again.load_for_rollout(4)
    (written, *_) = again(PROMPTS, sampling, 2, [4] * 3)
    assert written[0].weights == start
    for place in writer.folder.iterdir():
        (place / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match="missing or damaged"):
        writer_of(policy, server, lag=1).load_for_rollout(4)


def test_completions_begun_ahead_are_generated_once_and_their_errors_come_up(folder: Path, server: StandIn) -> None:
    writer, sampling = writer_of(load_policy(str(folder)), server, lag=1), Sampling(4)
    writer.load_for_rollout(0)
    writer.begin_next(0, PROMPTS, sampling, 2, IDS)
    first = writer(PROMPTS, sampling, 2, IDS)
    assert len(server.bodies) == 3
    second = writer(PROMPTS, sampling, 2, IDS)
    assert len(server.bodies) == 6
    assert [one.tokens.tolist() for one in first[1]] == [one.tokens.tolist() for one in second[1]]
    server.refuse_next = [418]
    writer.begin_next(1, PROMPTS, sampling, 2, IDS)
    with pytest.raises(InputError, match="418"):
        writer(PROMPTS, sampling, 2, IDS)


def test_a_stage_that_ends_does_not_wait_for_the_server(folder: Path) -> None:
    with vllm_server(folder, seconds=30.0) as slow:
        writer = writer_of(load_policy(str(folder)), slow, lag=1)
        writer.load_for_rollout(0)
        writer.begin_next(0, PROMPTS, Sampling(4), 2, IDS)
        writer.close()
        started = time.monotonic()
        with pytest.raises(RunError):
            writer(PROMPTS, Sampling(4), 2, IDS)
        assert time.monotonic() - started < 15


@pytest.mark.parametrize("lora", [None, LoraOptions(rank=4)], ids=["all weights", "lora"])
def test_a_server_that_is_started_again_gets_the_weights_again(
    lora: LoraOptions | None, folder: Path, server: StandIn
) -> None:
    policy, notes = adapted(folder, lora), list[str]()
    writer = writer_of(policy, server, notes)
    learn(policy)
    writer.load_for_rollout(0)
    before = writer(PROMPTS, Sampling(6), 2, IDS)
    server.die()
    server.start()
    after = writer(PROMPTS, Sampling(6), 2, IDS)
    assert [one.tokens.tolist() for some in before for one in some] == [
        one.tokens.tolist() for some in after for one in some
    ]
    assert server.loads == ["weights-00000000"] * 2
    assert any("started again" in note or "does not exist" in note for note in notes)
    server.die()
    server.start()
    writer.load_for_rollout(0)
    writer(PROMPTS, Sampling(6), 2, IDS)
    assert server.loads == ["weights-00000000"] * 3


def test_a_server_that_is_lost_while_it_loads_again_is_waited_for_again(folder: Path, server: StandIn) -> None:
    writer = writer_of(adapted(folder, LoraOptions(rank=4)), server, wait=20)
    writer.load_for_rollout(0)
    server.die()
    server.start()
    server.refuse_loads = [503, 502]
    assert len(writer(PROMPTS, Sampling(4), 2, IDS)) == 3
    assert not server.refuse_loads
    server.refuse_next = [500] * 100
    with pytest.raises(RunError, match="5 times for the same prompts"):
        writer(PROMPTS, Sampling(4), 2, IDS)


def test_after_the_stage_the_server_has_its_own_weights_again(folder: Path, server: StandIn) -> None:
    policy = adapted(folder, None)
    before = logits_of(policy)
    writer = writer_of(policy, server)
    learn(policy)
    writer.load_for_rollout(0)
    assert logits_of(server.models["base"]) != pytest.approx(before, abs=1e-3)
    writer.end()
    assert logits_of(server.models["base"]) == pytest.approx(before, abs=1e-4)
    adapter = writer_of(adapted(folder, LoraOptions(rank=4)), server)
    adapter.load_for_rollout(0)
    adapter.end()
    assert list(server.models) == ["base"]
    adapter.load_for_rollout(0)
    server.die()
    adapter.end()
    server.start()


def test_a_server_elsewhere_that_does_not_see_the_folder_is_said_to(folder: Path, server: StandIn) -> None:
    server.sees = False
    with pytest.raises(InputError, match=r"No adapter found.*must see .* under the same path"):
        writer_of(adapted(folder, LoraOptions(rank=4)), server).load_for_rollout(0)


def test_a_server_that_is_away_is_waited_for(folder: Path, server: StandIn) -> None:
    notes: list[str] = []
    writer = writer_of(load_policy(str(folder)), server, notes)
    writer.load_for_rollout(0)
    server.die()
    threading.Timer(0.5, server.start).start()
    assert len(writer(PROMPTS, Sampling(4), 2, IDS)) == 3
    assert any("does not answer; waiting for up to" in note for note in notes)


def test_a_server_that_stays_away_ends_the_run_with_the_next_step(folder: Path) -> None:
    with vllm_server(folder) as server:
        writer = writer_of(load_policy(str(folder)), server, wait=0.3)
        writer.load_for_rollout(0)
        server.die()
        for call in (lambda: writer(PROMPTS, Sampling(4), 2, IDS), lambda: writer.load_current()):
            learn(writer.policy)
            with pytest.raises(RunError, match="run the same command again; it goes on from the last checkpoint"):
                call()
        with pytest.raises(RunError, match=r"for 0\.3 s\. Start the server"):
            writer_of(writer.policy, server, wait=0.3)
        server.start()


REPLIES: dict[str, tuple[Any, str]] = {
    "no token ids": (lambda r: {"choices": [{**c, "token_ids": None} for c in r["choices"]]}, "token ids"),
    "no log-probs": (lambda r: {"choices": [{**c, "logprobs": None} for c in r["choices"]]}, "log-probs"),
    "one log-prob too few": (
        lambda r: {"choices": [{**c, "logprobs": {"token_logprobs": [-1.0]}} for c in r["choices"]]},
        "log-probs",
    ),
    "nothing": (lambda r: {}, "token ids"),
    "one completion too few": (lambda r: {"choices": r["choices"][1:]}, "replied with 1 completions, and not 2"),
    "aborted": (lambda r: {"choices": [{**c, "finish_reason": "abort"} for c in r["choices"]]}, "token ids"),
}


@pytest.mark.parametrize("kind", REPLIES)
def test_a_reply_that_is_not_what_was_asked_for_is_refused(kind: str, folder: Path, server: StandIn) -> None:
    change, words = REPLIES[kind]
    writer = writer_of(load_policy(str(folder)), server)
    writer.load_for_rollout(0)
    server.change = change
    with pytest.raises(InputError, match=words):
        writer(PROMPTS, Sampling(4), 2, IDS)


SERVERS: dict[str, tuple[dict[str, Any], dict[str, Any], LoraOptions | None, str]] = {
    "another model": ({}, {"model": "other"}, None, "serves base, and not other.*--served-model-name other"),
    "too short": ({"longest": 10}, {}, None, "takes 10 tokens.*--max-model-len 20"),
    "no adapters": ({"lora": False}, {}, LoraOptions(rank=4), "does not load adapters.*--enable-lora"),
    "no development mode": (
        {"development": False},
        {},
        None,
        "the id of its process.*VLLM_SERVER_DEV_MODE=1",
    ),
    "too low a rank": ({}, {}, LoraOptions(rank=32), "max_lora_rank.*raise its --max-lora-rank"),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_does_not_fit_is_refused_with_the_flag_that_it_lacks(kind: str, folder: Path) -> None:
    settings, recipe, lora, words = SERVERS[kind]
    with vllm_server(folder, **settings) as server, pytest.raises(InputError, match=words):
        writer_of(adapted(folder, lora), server, **recipe).load_for_rollout(0)


def test_an_untested_version_is_noted_and_used(folder: Path) -> None:
    notes: list[str] = []
    with vllm_server(folder, version="0.99.1") as server:
        writer_of(load_policy(str(folder)), server, notes)
    assert notes == ["vllm: the server has version 0.99.1; posttrain was tested with 0.32"]
