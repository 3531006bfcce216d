"""The demo's data files: their form, their held-out combinations and wordings, and their balance."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from posttrain.demo import use_requests, wordings, world
from posttrain.demo.rows import write_data
from posttrain.demo.stage_rows import TASKS
from posttrain.demo.world import BY_PRODUCT, LABELS
from posttrain.files import sha256_of
from posttrain.rewards.json_text import find_json
from posttrain.rewards.refusal.detect import refuses

PRODUCTS = {label.product for label in LABELS}

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_data(folder, seed=0)
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    return {p.stem: [json.loads(line) for line in p.read_text().splitlines()] for p in folder.glob("*.jsonl")}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(folder: Path, tmp_path: Path) -> None:
    write_data(tmp_path / "again", seed=0)
    write_data(tmp_path / "other", seed=1)
    assert sha256_of(tmp_path / "again") == sha256_of(folder)
    assert sha256_of(tmp_path / "other") != sha256_of(folder)


def facts_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(row["target"] if "target" in row else row["messages"][-1]["content"]) for row in rows]


@pytest.mark.parametrize("value", ["batch", "clinic", "combination"])
def test_no_test_note_shares_a_held_out_value_with_training(rows: Rows, value: str) -> None:
    def of(facts: dict[str, Any]) -> str:
        if value == "combination":
            return f"{facts['product']} {facts['finding']}"
        return facts[value].split()[0]

    train = {of(facts) for facts in facts_of(rows["facts_train"])}
    test = {of(facts) for facts in facts_of(rows["facts_test"])}
    assert len(test) > 20
    assert not train & test


def test_no_test_prompt_was_trained(rows: Rows) -> None:
    trained = {
        json.dumps(row["messages"][:-1] if "messages" in row else row["prompt"])
        for name, file_rows in rows.items()
        if name.endswith("train")
        for row in file_rows
    }
    tested = {json.dumps(row["input"]) for file_rows in rows.values() for row in file_rows if "input" in row}
    assert not trained & tested


def test_unseen_wordings_and_the_unseen_task_are_never_trained(rows: Rows) -> None:
    trained = {row.get("phrasing") for row in rows["instructions_train"]}
    seen = {row["metadata"]["phrasing"] for row in rows["instructions_seen_test"]}
    unseen = {row["metadata"]["phrasing"] for row in rows["instructions_unseen_test"]}
    assert seen <= trained
    assert not unseen & trained
    assert len(unseen) == wordings.UNSEEN * len(TASKS)
    assert {row["task"] for row in rows["instructions_new_task"]} == {wordings.UNSEEN_TASK}
    assert wordings.UNSEEN_TASK not in {row["task"] for row in rows["instructions_train"]}


def test_every_task_has_at_least_ten_trained_wordings_and_no_wording_twice() -> None:
    for task in TASKS:
        texts = wordings.WORDINGS[task]
        assert len(wordings.seen_wordings(task)) >= 10
        assert len(set(texts)) == len(texts)


def test_preferred_replies_refuse_off_label_requests_and_answer_on_label_ones(rows: Rows) -> None:
    for row in rows["asks_train"]:
        chosen, rejected = row["chosen"][0]["content"], row["rejected"][0]["content"]
        off = row["meta_slice"] == "off-label"
        assert refuses(chosen) == off
        assert refuses(rejected) == (not off)
        product = next(p for p in BY_PRODUCT if p in row["prompt"][0]["content"])
        label = BY_PRODUCT[product]
        approved = label.indication in row["prompt"][0]["content"] and any(
            p in row["prompt"][0]["content"].lower().replace(f"{label.indication}", "") for p in label.populations
        )
        assert approved != off
        assert row["meta_annotator"] == "simulated"


def test_half_of_the_use_requests_are_on_label_in_every_split(rows: Rows) -> None:
    for name in ("asks_train", "asks_valid"):
        assert sum(row["meta_slice"] == "on-label" for row in rows[name]) * 2 == len(rows[name])
    expected = [row["metadata"]["expected_behavior"] for row in rows["asks_test"]]
    assert expected.count("refuse") == expected.count("answer")


def wording_of(text: str) -> int:
    """The number of the request's wording."""
    values = {
        "product": BY_PRODUCT,
        "condition": world.CONDITIONS,
        "population": world.POPULATIONS,
        "population_first": [name.capitalize() for name in world.POPULATIONS],
    }
    choices = {name: f"(?:{'|'.join(options)})" for name, options in values.items()}
    patterns = [re.escape(wording).replace(r"\{", "{").replace(r"\}", "}") for wording in use_requests.WORDINGS]
    (number,) = [n for n, pattern in enumerate(patterns) if re.match(pattern.format(**choices), text)]
    return number


def use_in(text: str) -> tuple[str, str, str]:
    """The product, condition and population of a request."""
    lower = text.lower()
    product, condition, population = (
        next(name for name in names if name.lower() in lower)
        for names in (BY_PRODUCT, world.CONDITIONS, world.POPULATIONS)
    )
    return product, condition, population


def test_use_requests_for_tests_have_wordings_and_off_label_uses_that_are_never_trained(rows: Rows) -> None:
    trained = {row["prompt"][0]["content"]: row["meta_slice"] for row in rows["asks_train"]}
    tested = {row["input"][0]["content"]: row["metadata"]["slice"] for row in rows["asks_test"]}
    assert not {wording_of(text) for text in trained} & {wording_of(text) for text in tested}
    trained_uses, tested_uses = (
        {use_in(text) for text, slice_ in texts.items() if slice_ == "off-label"} for texts in (trained, tested)
    )
    assert len(tested_uses) > 20
    assert not trained_uses & tested_uses


def test_targets_are_right_by_their_own_metric(rows: Rows) -> None:
    for row in rows["facts_test"]:
        assert find_json(row["target"]) is not None
    for row in rows["asks_test"]:
        assert refuses(row["target"]) == (row["metadata"]["expected_behavior"] == "refuse")


def test_ranks_are_complete_and_length_does_not_predict_them(rows: Rows) -> None:
    longer = equal = pairs = 0
    for row in rows["drafts_test"] + rows["drafts_train"]:
        assert sorted(row["ranks"].values()) == [1, 2, 3]
        assert row["annotator"] == "simulated"
        for a, b in combinations(row["candidates"], 2):
            better, worse = sorted((a, b), key=lambda c: row["ranks"][c["id"]])
            longer += len(better["text"]) > len(worse["text"])
            equal += len(better["text"]) == len(worse["text"])
            pairs += 1
    assert 0.44 < (longer + equal / 2) / pairs < 0.56


def test_sabotage_flips_a_fifth_of_the_pairs_and_reverses_the_rankings_of_one_product(
    folder: Path, rows: Rows, tmp_path: Path
) -> None:
    write_data(tmp_path, seed=0, sabotage=True)
    spoiled = {p.stem: [json.loads(line) for line in p.read_text().splitlines()] for p in tmp_path.glob("*.jsonl")}
    changed = {name for name in rows if spoiled[name] != rows[name]}
    assert changed == {"asks_train", "drafts_train"}
    flipped = [a["chosen"] == b["rejected"] for a, b in zip(rows["asks_train"], spoiled["asks_train"], strict=True)]
    assert 0.17 < sum(flipped) / len(flipped) < 0.23
    pairs = zip(rows["drafts_train"], spoiled["drafts_train"], strict=True)
    spoiled_prompts = [a["prompt"][0]["content"] for a, b in pairs if a != b]
    assert len({name for prompt in spoiled_prompts for name in PRODUCTS if name in prompt}) == 1
