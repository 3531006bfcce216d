"""Log-probs of choices and texts equal a direct forward pass by transformers."""

from typing import Any

import numpy as np
import pytest
import torch

from posttrain.data.chat.renderer import Renderer
from posttrain.errors import InputError
from posttrain.evaluate.answers import TextLoss
from posttrain.evaluate.policy_logprobs import policy_choice_logprobs, policy_text_losses, text_windows
from posttrain.evaluate.questions import Question
from posttrain.policy.load import Policy
from suite_rows import byte_policy
from tiny_models import plain

TEXTS = ("A short text.", "", "Ünïcode, and much longer: " + "the quick brown fox jumps over it. " * 5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Renderer, Any]:
    folder = tmp_path_factory.mktemp("model")
    policy, renderer = byte_policy(folder)
    return policy, renderer, plain(str(folder / "model"))


def token_logprobs(reference: Any, ids: list[int]) -> list[float]:
    """The log-prob of each token but the first, from one full forward pass."""
    with torch.no_grad():
        logits = reference(torch.tensor([ids])).logits[0].double()
    return [float(logits[i - 1].log_softmax(-1)[ids[i]]) for i in range(1, len(ids))]


def test_choices_have_the_log_probs_of_a_full_forward_pass(model: tuple[Policy, Renderer, Any]) -> None:
    policy, renderer, reference = model
    texts = ["Is it so?", "And " * 20 + "so?", "?"] * 7
    choices = [["yes", "no", "may be so"], ["5 mg", "5 g"], ["a", "b", "c", "d"]] * 7
    questions = [Question(str(i), "x", ({"role": "user", "content": t},), {}) for i, t in enumerate(texts)]
    found = policy_choice_logprobs(policy, renderer)(questions, choices, lambda n: None)
    for text, options, losses in zip(texts, choices, found, strict=True):
        prompt = policy.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        head = policy.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        for option, loss in zip(options, losses, strict=True):
            tail = policy.tokenizer(option, add_special_tokens=False)["input_ids"]
            assert loss.tokens == len(tail)
            assert loss.logp == pytest.approx(sum(token_logprobs(reference, head + tail)[len(head) - 1 :]), abs=1e-4)


def test_a_text_within_the_window_has_the_loss_of_one_forward_pass(model: tuple[Policy, Renderer, Any]) -> None:
    policy, _, reference = model
    found = policy_text_losses(policy)(TEXTS, 250, 50, lambda n: None)
    for text, loss in zip(TEXTS, found, strict=True):
        ids = [policy.tokenizer.bos_token_id, *policy.tokenizer(text, add_special_tokens=False)["input_ids"]]
        assert loss.tokens == len(text.encode())
        assert loss.logp == pytest.approx(sum(token_logprobs(reference, ids)), abs=1e-4)


@pytest.mark.parametrize(("window", "stride"), [(32, 16), (32, 31), (17, 1), (40, 7)])
def test_strides_give_the_loss_of_a_loop_over_tokens(
    model: tuple[Policy, Renderer, Any], window: int, stride: int
) -> None:
    policy, _, reference = model
    text = TEXTS[2]
    ids = [policy.tokenizer.bos_token_id, *policy.tokenizer(text, add_special_tokens=False)["input_ids"]]
    total = 0.0
    for place in range(1, len(ids)):  # each token by itself: the first window that ends behind it
        begin = 0 if place < window else -(-(place - window + 1) // stride) * stride
        total += token_logprobs(reference, ids[begin : place + 1])[-1]
    (found,) = policy_text_losses(policy)([text], window, stride, lambda n: None)
    assert found.tokens == len(ids) - 1
    assert found.logp == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize(("tokens", "window", "stride"), [(1, 8, 4), (2, 8, 4), (8, 8, 4), (9, 8, 4), (1000, 64, 63)])
def test_each_token_counts_once_with_enough_context(tokens: int, window: int, stride: int) -> None:
    windows = text_windows(tokens, window, stride)
    counted = [place for _, first, end in windows for place in range(first, end)]
    assert counted == list(range(1, tokens))
    assert all(end - begin <= window for begin, _, end in windows)
    assert all(begin == 0 or first - begin >= window - stride for begin, first, _ in windows)


def test_a_window_longer_than_the_model_reads_is_named(model: tuple[Policy, Renderer, Any]) -> None:
    with pytest.raises(InputError, match="`window`: 257 is more than the 256 positions"):
        policy_text_losses(model[0])(["a"], 257, 1, lambda n: None)


def test_the_mean_loss_of_a_random_model_is_near_the_log_of_its_vocabulary(
    model: tuple[Policy, Renderer, Any],
) -> None:
    (loss,) = policy_text_losses(model[0])([TEXTS[2]], 64, 32, lambda n: None)
    assert isinstance(loss, TextLoss)
    assert -loss.logp / loss.tokens == pytest.approx(np.log(len(model[0].tokenizer)), rel=0.05)
