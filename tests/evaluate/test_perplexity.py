"""The suite `perplexity`: figures from log-probs, tokens and bytes."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, TextLoss
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.estimates import Result, results_of
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.perplexity import PerplexitySuite, perplexity_measures, read_perplexity_suite
from suite_rows import byte_policy, fixed, write_rows
from tiny_models import plain


def suite(folder: Path, rows: list[dict[str, Any]], **options: Any) -> PerplexitySuite:
    write_rows(folder / "rows.jsonl", rows)
    return PerplexitySuite.model_validate({"kind": "perplexity", "data": "rows.jsonl", **options})


def results(options: PerplexitySuite, samples: list[Sample]) -> dict[str, Result]:
    return results_of("p", perplexity_measures(options), samples, slices=False)


def predicting(*losses: TextLoss) -> Answerer:
    return Answerer("the model", text_losses=lambda texts, window, stride, done: list(losses))


def test_each_token_has_the_same_weight_and_bits_count_bytes(tmp_path: Path) -> None:
    options = suite(tmp_path, [{"text": "abcd"}, {"text": "é"}])
    samples = run_suite(predicting(TextLoss(-3.0, 3), TextLoss(-5.0, 1)), options, tmp_path)
    found = {key: result.estimate.value for key, result in results(options, samples).items()}
    assert found == pytest.approx({"p/loss": 2.0, "p/perplexity": math.exp(2), "p/bits_per_byte": 8 / math.log(2) / 6})


def test_the_loss_of_a_short_text_is_that_of_transformers(tmp_path: Path) -> None:
    policy, renderer = byte_policy(tmp_path)
    text = "The quick brown fox jumps over the lazy dog. " * 4
    options = suite(tmp_path, [{"text": text}], window=250, stride=100)
    samples = run_suite(policy_answerer(policy, renderer), options, tmp_path)
    ids = torch.tensor(
        [[policy.tokenizer.bos_token_id, *policy.tokenizer(text, add_special_tokens=False)["input_ids"]]]
    )
    with torch.no_grad():
        loss = float(plain(str(tmp_path / "model"))(ids, labels=ids).loss)  # the mean over all tokens but the first
    found = {key: result.estimate.value for key, result in results(options, samples).items()}
    assert found["p/loss"] == pytest.approx(loss, abs=1e-4)
    assert found["p/perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)
    assert found["p/bits_per_byte"] == pytest.approx(loss / math.log(2), abs=1e-4)  # a token is a byte


def test_the_loss_of_an_answer_counts_its_tokens_behind_the_template_alone(tmp_path: Path) -> None:
    policy, renderer = byte_policy(tmp_path)
    options = suite(
        tmp_path, [{"input": "Why?", "target": "Because."}, {"prompt": "Who?", "completion": "An owl does."}]
    )
    samples = run_suite(policy_answerer(policy, renderer), options, tmp_path)
    summed = 0.0
    for question, answer in (("Why?", "Because."), ("Who?", "An owl does.")):
        head = policy.tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
        )
        prompt, text = (policy.tokenizer(part, add_special_tokens=False)["input_ids"] for part in (head, head + answer))
        ids = torch.tensor([text])
        labels = ids.clone()
        labels[0, : len(prompt)] = -100
        with torch.no_grad():
            summed += float(plain(str(tmp_path / "model"))(ids, labels=labels).loss) * (len(text) - len(prompt))
    found = {key: result.estimate.value for key, result in results(options, samples).items()}
    assert found["p/loss"] == pytest.approx(summed / len("Because.An owl does."), abs=1e-4)  # a token is a byte


def test_a_question_without_an_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows.jsonl:2: `target`"):
        read_perplexity_suite(suite(tmp_path, [{"input": "a", "target": "b"}, {"input": "a"}]), tmp_path)


@pytest.mark.parametrize("unread", [{"stride": 100}, {"split": "lines"}])
def test_options_of_texts_are_refused_for_answers(unread: dict[str, Any], tmp_path: Path) -> None:
    policy, renderer = byte_policy(tmp_path)
    options = suite(tmp_path, [{"input": "a", "target": "b"}]).model_copy(update=unread)
    with pytest.raises(InputError, match=rf"`{next(iter(unread))}`: the rows have answers"):
        run_suite(policy_answerer(policy, renderer), options, tmp_path)


def test_an_answerer_without_log_probs_is_refused_in_words_that_fit_answers(tmp_path: Path) -> None:
    options = suite(tmp_path, [{"input": "a", "target": "b"}])
    with pytest.raises(InputError, match="a server gives no log-probs of answers; measure a model folder"):
        run_suite(Answerer("a server"), options, tmp_path)


def test_lines_are_texts_and_documents_are_separated_by_end_of_text(tmp_path: Path) -> None:
    (tmp_path / "wiki.txt").write_text("one\n\ntwo\n<|endoftext|>\nthree\n")

    def texts(**options: Any) -> list[str]:
        read = PerplexitySuite.model_validate({"kind": "perplexity", "data": "wiki.txt", **options})
        return [question.row["text"] for question in read_perplexity_suite(read, tmp_path)]

    assert texts() == ["one\n\ntwo", "three"]
    assert texts(split="lines") == ["one", "two", "three"]
    assert texts(split="lines", rows=2) == ["one", "two"]


def test_several_texts_have_an_interval_and_a_single_one_has_none(tmp_path: Path) -> None:
    losses = [TextLoss(-float(10 + i), 10) for i in range(20)]
    many = suite(tmp_path, [{"text": f"text {i}"} for i in range(20)])
    estimate = results(many, run_suite(predicting(*losses), many, tmp_path))["p/loss"].estimate
    assert estimate.interval is not None
    assert estimate.interval[0] < 1.95 < estimate.interval[1]
    one = suite(tmp_path, [{"text": "text"}])
    assert results(one, run_suite(predicting(losses[0]), one, tmp_path))["p/loss"].estimate.interval is None


@pytest.mark.parametrize("row", [{"body": "a"}, {"text": " "}, {"text": 3}, {"text": "a", "id": "1"}])
@pytest.mark.parametrize("split", ["documents", "lines"])
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, row: dict[str, Any], split: str) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl:2: "):
        read_perplexity_suite(suite(tmp_path, [{"text": "a", "id": "1"}, row], split=split), tmp_path)


@pytest.mark.parametrize("options", [{"window": 8, "stride": 8}, {"samples": 2, "temperature": 1.0}])
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        suite(tmp_path, [], **options)


def test_a_server_has_no_perplexity(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the server gives no log-probs of texts"):
        run_suite(fixed("yes"), suite(tmp_path, [{"text": "a"}]), tmp_path)
