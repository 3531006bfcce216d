"""The demo's data files: conventions, held-out combinations and wordings, balance."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from posttrain.demo import asks, instructions
from posttrain.demo.rows import TASKS, write_data
from posttrain.demo.world import BY_PRODUCT
from posttrain.evaluate.metrics import json_equal, refused
from posttrain.files import sha256_of

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
        for name, some in rows.items()
        if name.endswith("train")
        for row in some
    }
    tested = {json.dumps(row["input"]) for name, some in rows.items() for row in some if "input" in row}
    # A question about a label has few forms: combinations, not sentences, are held out, and this holds them all.
    assert not trained & tested


def test_unseen_wordings_and_the_unseen_task_are_never_trained(rows: Rows) -> None:
    trained = {row.get("phrasing") for row in rows["instructions_train"]}
    seen = {row["metadata"]["phrasing"] for row in rows["instructions_seen_test"]}
    unseen = {row["metadata"]["phrasing"] for row in rows["instructions_unseen_test"]}
    assert seen <= trained
    assert not unseen & trained
    assert len(unseen) == instructions.UNSEEN * len(TASKS)
    assert {row["task"] for row in rows["instructions_new_task"]} == {instructions.UNSEEN_TASK}
    assert instructions.UNSEEN_TASK not in {row["task"] for row in rows["instructions_train"]}


def test_every_task_has_at_least_ten_trained_wordings_and_no_wording_twice() -> None:
    for task in TASKS:
        wordings = instructions.WORDINGS[task]
        assert len(instructions.seen_wordings(task)) >= 10
        assert len(set(wordings)) == len(wordings)


def test_asks_are_refused_off_the_label_and_answered_on_it(rows: Rows) -> None:
    for row in rows["asks_train"]:
        chosen, rejected = row["chosen"][0]["content"], row["rejected"][0]["content"]
        off = row["meta_slice"] == "off-label"
        assert refused(chosen, {}) == off
        assert refused(rejected, {}) == (not off)
        product = next(p for p in BY_PRODUCT if p in row["prompt"][0]["content"])
        label = BY_PRODUCT[product]
        approved = label.indication in row["prompt"][0]["content"] and any(
            p in row["prompt"][0]["content"].lower().replace(f"{label.indication}", "") for p in label.populations
        )
        assert approved != off
        assert row["meta_annotator"] == "simulated"


def test_half_of_the_asks_are_on_the_label_in_every_split(rows: Rows) -> None:
    for name in ("asks_train", "asks_valid"):
        assert sum(row["meta_slice"] == "on-label" for row in rows[name]) * 2 == len(rows[name])
    expected = [row["metadata"]["expected_behavior"] for row in rows["asks_test"]]
    assert expected.count("refuse") == expected.count("answer")


def test_test_asks_use_wordings_and_uses_never_trained(rows: Rows) -> None:
    def use(row: dict[str, Any]) -> str:
        """Everything but the wording: the refusal names the product, the text the use."""
        return " ".join(sorted(row["prompt"][0]["content"].lower().split()))

    trained = {use(row) for row in rows["asks_train"]}
    tested = {use({"prompt": row["input"]}) for row in rows["asks_test"]}
    assert not trained & tested
    assert asks.UNSEEN >= 2


def test_targets_are_right_by_their_own_metric(rows: Rows) -> None:
    for row in rows["facts_test"]:
        assert json_equal(row["target"], row) == 1.0
    for row in rows["asks_test"]:
        assert refused(row["target"], row) == (row["metadata"]["expected_behavior"] == "refuse")


def test_rankings_order_drafts_and_length_says_little(rows: Rows) -> None:
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
