"""The suite `preferences`: a reward model against people's rankings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from byte_model import save_byte_tokenizer
from posttrain.data.chat.renderer import renderer_of
from posttrain.data.options import DataOptions
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.estimates import results_of
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.preferences import (
    PreferencesSuite,
    preferences_measures,
    read_preferences_suite,
)
from posttrain.policy.load import load_policy
from suite_rows import fixed, write_rows
from tiny_models import COMMON, plain, save_scored


def suite(folder: Path, rows: list[dict[str, Any]], **options: Any) -> PreferencesSuite:
    write_rows(folder / "rows.jsonl", rows)
    return PreferencesSuite.model_validate({"kind": "preferences", "data": "rows.jsonl", **options})


def scoring(*scores: list[float]) -> Answerer:
    return Answerer("the reward model", pair_rewards=lambda questions, done: list(scores))


def figures(options: PreferencesSuite, samples: list[Sample]) -> dict[str, float | None]:
    results = results_of("s", preferences_measures(options), samples, slices=False)
    return {key.removeprefix("s/"): result.estimate.value for key, result in results.items()}


PAIR = {"prompt": "Is it so?", "chosen": "Yes, it is", "rejected": "No, it isn't"}
RANKING = {
    "id": "r1",
    "prompt": "Is it so?",
    "candidates": [{"id": "a", "text": "one"}, {"id": "b", "text": "three"}, {"id": "c", "text": "seven!"}],
    "ranks": {"a": 2, "b": 1, "c": 2},
}


def test_every_pair_that_a_ranking_orders_counts_once_and_ties_of_scores_half(tmp_path: Path) -> None:
    options = suite(tmp_path, [RANKING])
    samples = run_suite(scoring([1.0, 1.0, 0.0]), options, tmp_path)
    assert [(s.target, s.values["accuracy"]) for s in samples] == [("three", 0.5), ("three", 1.0)]
    assert [s.values["longer_wins"] for s in samples] == [1.0, 0.0]
    assert len({s.cluster for s in samples}) == 1
    assert figures(options, samples)["accuracy"] == 0.75


def test_length_matched_pairs_differ_by_a_tenth_of_the_longer_at_most(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "chosen": "x" * 100, "rejected": "y" * 90},
        {"prompt": "b", "chosen": "x" * 100, "rejected": "y" * 89},
        {"prompt": "c", "chosen": "x" * 95, "rejected": "y" * 100},
    ]
    options = suite(tmp_path, rows)
    found = figures(options, run_suite(scoring([1.0, 0.0], [1.0, 0.0], [0.0, 1.0]), options, tmp_path))
    assert found == {
        "accuracy": pytest.approx(2 / 3),
        "accuracy_length_matched": 0.5,
        "longer_wins": pytest.approx(2 / 3),
    }
    wide = options.model_copy(update={"length_margin": 0.11})
    samples = run_suite(scoring([1.0, 0.0], [1.0, 0.0], [0.0, 1.0]), wide, tmp_path)
    assert figures(wide, samples)["accuracy_length_matched"] == pytest.approx(2 / 3)


def test_scores_equal_those_of_transformers(tmp_path: Path) -> None:
    vocabulary = save_byte_tokenizer(tmp_path / "tokens")
    folder = save_scored(tmp_path / "model", {"model_type": "llama", **COMMON, "vocab_size": vocabulary})
    save_byte_tokenizer(Path(folder))
    policy = load_policy(folder, task="score")
    data = DataOptions.model_validate({"data": "x.jsonl"})
    renderer, _ = renderer_of(data, policy.tokenizer, end_tokens=(2,), positions=128, base=tmp_path)
    texts = [("abc"[: i % 3 + 1], "no " * (i % 4 + 1)) for i in range(20)]
    rows = [{"prompt": f"{i}?", "chosen": two[i % 2], "rejected": two[1 - i % 2]} for i, two in enumerate(texts)]
    samples = run_suite(policy_answerer(policy, renderer), suite(tmp_path, rows), tmp_path)
    reference = plain(folder, AutoModelForSequenceClassification)

    def score(row: dict[str, str], side: str) -> float:
        turns = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[side]}]
        ids = policy.tokenizer(policy.tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False)
        with torch.no_grad():
            hidden = reference.model(torch.tensor([ids["input_ids"]])).last_hidden_state[0, -1]
            return float(reference.score(hidden)[0])

    margins = np.array([score(row, "chosen") - score(row, "rejected") for row in rows])
    assert [s.values["accuracy"] for s in samples] == (margins > 0).astype(float).tolist()
    assert [s.confidence for s in samples] == pytest.approx((1 / (1 + np.exp(-np.abs(margins)))).tolist(), abs=1e-4)
    assert 0 < (margins > 0).sum() < len(rows)


def test_rankings_of_one_item_by_several_people_are_one_group(tmp_path: Path) -> None:
    rows = [{**RANKING, "annotator": name} for name in ("ann", "ben")]
    questions = read_preferences_suite(suite(tmp_path, rows), tmp_path)
    assert [(q.id, q.group) for q in questions] == [("r1 by ann", "r1"), ("r1 by ben", "r1")]


def test_slices_come_from_the_metadata(tmp_path: Path) -> None:
    rows = [{**PAIR, "metadata": {"slice": "a"}}, {**PAIR, "metadata": {"slice": "b"}}]
    options = suite(tmp_path, rows)
    samples = run_suite(scoring([1.0, 0.0], [0.0, 1.0]), options, tmp_path)
    results = results_of("s", preferences_measures(options), samples, slices=True)
    assert (results["s/accuracy[a]"].estimate.value, results["s/accuracy[b]"].estimate.value) == (1.0, 0.0)


@pytest.mark.parametrize(
    "row", [{"prompt": "a", "chosen": "b"}, {**PAIR, "rejected": 3}, {**PAIR, "metadata": "x"}, {**PAIR, "id": "1"}]
)
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl:2"):
        read_preferences_suite(suite(tmp_path, [{**PAIR, "id": "1"}, row]), tmp_path)


def test_a_model_that_writes_gives_no_scores(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the server is no reward model"):
        run_suite(fixed("yes"), suite(tmp_path, [PAIR]), tmp_path)


def test_rows_that_are_ties_alone_leave_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl: no pair is left"):
        read_preferences_suite(suite(tmp_path, [{**PAIR, "rejected": PAIR["chosen"]}]), tmp_path)
