"""From completions to rewards: texts, failures by row, reward models by tokens or by text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from byte_model import TEMPLATE, save_byte_model
from experiences import generation, numbered_prompt
from posttrain.core.group import Ints
from posttrain.data.chat.answer_text import answer_text
from posttrain.data.chat.renderer import Renderer, renderer_of
from posttrain.data.options import DataOptions
from posttrain.data.sets.prompts import Prompt
from posttrain.errors import RunError
from posttrain.generation.request import Generation
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.save import save_policy
from posttrain.rewards.score import Reward
from posttrain.rewards.types import per_completion
from posttrain.rollouts.scoring import RewardModel, Scorer, scored

END = 2


@pytest.fixture(scope="module")
def policy(model: Path) -> Policy:
    return load_policy(str(model))


def answer(policy: Policy, text: str, *, ended: bool = True) -> Generation:
    ids = policy.tokenizer(text, add_special_tokens=False)["input_ids"]
    return generation([*ids, END] if ended else ids, ended=ended)


def texts_of(written: Sequence[Sequence[Generation]], policy: Policy) -> list[list[str]]:
    renderer = Renderer(policy.tokenizer, None, frozenset({END}), 256)
    return [[answer_text(one.tokens, renderer) for one in group] for group in written]


def by(failures: list[str] | None = None, **rewards: Reward) -> Scorer:
    measured = [] if failures is None else failures
    return Scorer(rewards, {}, 256, 0.5, measured.append)


def test_rewards_read_text_without_end_tokens_and_the_prompts_row(policy: Policy) -> None:
    seen: list[tuple[str, Any]] = []

    def note(completion: str, row: Mapping[str, Any]) -> float:
        seen.append((completion, row["answer"]))
        return float(completion == row["answer"])

    prompts = [numbered_prompt(n, answer=str(n)) for n in range(2)]
    written = [[answer(policy, "0"), answer(policy, "1", ended=False)], [answer(policy, "é"), answer(policy, "1")]]
    other = Reward(per_completion(lambda completion, row: float(len(completion))), -2.0)
    rollout = scored(prompts, written, texts_of(written, policy), by(exact=Reward(per_completion(note)), long=other))
    assert seen == [("0", "0"), ("1", "0"), ("é", "1"), ("1", "1")]
    assert rollout.texts == (("0", "1"), ("é", "1"))
    assert rollout.components["exact"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert rollout.reward_GK.tolist() == [[-1.0, -2.0], [-2.0, -1.0]]
    assert rollout.costs == {"long"}


def test_none_and_a_reward_that_raises_are_missing_and_the_row_is_named(policy: Policy) -> None:
    def picky(completion: str, row: Mapping[str, Any]) -> float | None:
        if completion == "b":
            raise KeyError("surname")
        return None if completion == "c" else 1.0

    prompts = [numbered_prompt(n) for n in range(2)]
    written = [[answer(policy, "a"), answer(policy, "b")], [answer(policy, "c"), answer(policy, "a")]]
    failures: list[str] = []
    rollout = scored(prompts, written, texts_of(written, policy), by(failures, picky=Reward(per_completion(picky))))
    assert np.isnan(rollout.reward_GK).tolist() == [[False, True], [True, False]]
    (sentence,) = failures
    assert sentence.startswith("prompts.jsonl:1: reward `picky`: KeyError: 'surname'")


def test_a_reward_that_always_fails_stops_the_run_with_rows(policy: Policy) -> None:
    def broken(completion: str, row: Mapping[str, Any]) -> float:
        raise ValueError("no")

    written = [[answer(policy, "a")], [answer(policy, "b")]]
    with pytest.raises(RunError, match=r"reward `broken` failed on 2 of 2(.|\n)*prompts.jsonl:1"):
        scored(
            [numbered_prompt(0), numbered_prompt(1)],
            written,
            texts_of(written, policy),
            by(broken=Reward(per_completion(broken))),
        )


def reward_model(folder: Path, template: str = TEMPLATE) -> Policy:
    made = load_policy(str(save_byte_model(folder / "base", template=template, seed=5)), task="score")
    torch.manual_seed(0)
    torch.nn.init.normal_(made.base.score.weight)
    save_policy(made, folder / "reward")
    return load_policy(str(folder / "reward"), task="score")


def by_transformers(folder: Path, texts: list[list[int]]) -> list[float]:
    peer = AutoModelForSequenceClassification.from_pretrained(folder / "reward").eval()
    with torch.no_grad():
        return [peer(torch.tensor([text])).logits[0, 0].item() for text in texts]


def chat_prompt(policy: Policy, number: int) -> Prompt:
    prompt = numbered_prompt(number)
    text = policy.tokenizer.apply_chat_template(list(prompt.messages), tokenize=False, add_generation_prompt=True)
    ids: Ints = np.array(policy.tokenizer(text, add_special_tokens=False)["input_ids"], np.int32)
    return Prompt(prompt.where, prompt.messages, ids, prompt.row)


def test_a_reward_model_with_the_same_tokens_scores_them_as_they_are(policy: Policy, tmp_path: Path) -> None:
    judge = reward_model(tmp_path)
    prompts = [chat_prompt(policy, n) for n in range(2)]
    written = [[answer(policy, "zero"), answer(policy, "no", ended=False)], [answer(policy, "x"), answer(policy, "1")]]
    scorer = Scorer(
        {"short": Reward(per_completion(lambda c, row: -float(len(c))))},
        {"rm": RewardModel(judge, 0.5)},
        64,
        0.0,
        print,
    )
    rollout = scored(prompts, written, texts_of(written, policy), scorer)
    texts = [[*p.tokens.tolist(), *w.tokens.tolist()] for p, group in zip(prompts, written, strict=True) for w in group]
    expected = np.array(by_transformers(tmp_path, texts)).reshape(2, 2)
    assert np.allclose(rollout.components["rm"], expected, atol=1e-4)
    assert np.allclose(rollout.reward_GK, rollout.components["short"] + 0.5 * expected, atol=1e-4)
    assert np.ptp(expected) > 0.1


OTHER = (
    "{% for m in messages %}{{ '<s>' + m.role[:1] + ': ' + m.content + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>a: ' }}{% endif %}"
)


def renderer_for(judge: Policy, max_length: int) -> Renderer:
    options = DataOptions.model_validate({"data": "x.jsonl", "max_length": max_length})
    renderer, _ = renderer_of(options, judge.tokenizer, end_tokens=(END,), positions=256, base=Path())
    return renderer


def test_a_reward_model_with_another_tokenizer_reads_the_text_in_its_own_way(policy: Policy, tmp_path: Path) -> None:
    judge = reward_model(tmp_path, OTHER)
    prompts = [chat_prompt(policy, n) for n in range(2)]
    written = [[answer(policy, "zero"), answer(policy, "no", ended=False)], [answer(policy, "x"), answer(policy, "1")]]
    rollout = scored(
        prompts,
        written,
        texts_of(written, policy),
        Scorer({}, {"rm": RewardModel(judge, 1.0, renderer_for(judge, 64))}, 64, 0.0, print),
    )
    texts = [f"<s>u: {p.text}</s><s>a: {t}</s>" for p, group in zip(prompts, rollout.texts, strict=True) for t in group]
    ids = [judge.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert np.allclose(rollout.reward_GK.ravel(), by_transformers(tmp_path, ids), atol=1e-4)


def test_a_text_too_long_for_the_reward_model_is_a_failure_of_its_row(policy: Policy, tmp_path: Path) -> None:
    judge = reward_model(tmp_path, OTHER)
    failures: list[str] = []
    prompts = [chat_prompt(policy, n) for n in range(2)]
    written = [[answer(policy, "long " * 9)], [answer(policy, "1")]]
    scorer = Scorer({}, {"rm": RewardModel(judge, 1.0, renderer_for(judge, 30))}, 64, 0.5, failures.append)
    rollout = scored(prompts, written, texts_of(written, policy), scorer)
    assert np.isnan(rollout.reward_GK).tolist() == [[True], [False]]
    assert failures[0].startswith("prompts.jsonl:1: reward `rm`: ")


def test_an_empty_answer_is_scored_too(policy: Policy, tmp_path: Path) -> None:
    judge = reward_model(tmp_path, OTHER)
    scorer = Scorer({}, {"rm": RewardModel(judge, 1.0, renderer_for(judge, 64))}, 64, 1.0, print)
    written = [[generation([END]), answer(policy, "1")]]
    rollout = scored([chat_prompt(policy, 0)], written, texts_of(written, policy), scorer)
    assert np.isfinite(rollout.reward_GK).all()
