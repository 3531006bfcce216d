"""The data of the demo on a real model: held-out values, right answers, and a label that decides each request."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from posttrain.demo.real.rows import write_real_data
from posttrain.demo.world import TIMES
from posttrain.files import sha256_of
from posttrain.rewards.math import math_score
from posttrain.rewards.refusal.detect import refuses

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    write_real_data(folder, seed=0)
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    return {p.stem: [json.loads(line) for line in p.read_text().splitlines()] for p in folder.glob("*.jsonl")}


def text_of(row: dict[str, Any]) -> str:
    return next(row[key] for key in ("input", "prompt", "messages") if key in row)[0]["content"]


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(folder: Path, tmp_path: Path) -> None:
    write_real_data(tmp_path / "again", seed=0)
    write_real_data(tmp_path / "other", seed=1)
    assert sha256_of(tmp_path / "again") == sha256_of(folder)
    assert sha256_of(tmp_path / "other") != sha256_of(folder)


def test_no_clinic_of_a_test_occurs_in_training(rows: Rows) -> None:
    def clinics(names: list[str]) -> set[str]:
        texts = [text_of(row) for name in names for row in rows[name]]
        return {m for text in texts for m in re.findall(r"[A-Z][a-z]+ (?:Clinic|Hospital|Surgery|Practice)", text)}

    train = clinics([name for name in rows if name.endswith("train")])
    test = clinics([name for name in rows if name.endswith("test")])
    assert len(train) > 100
    assert len(test) > 100
    assert not train & test


def test_no_stage_is_measured_while_it_trains_on_the_rows_of_its_result() -> None:
    recipe = yaml.safe_load(files("posttrain.demo.real").joinpath("real.yaml").read_text(encoding="utf-8"))
    results = {suite["data"] for suite in recipe["suites"].values()}
    watched = {stage["validation"] for stage in recipe["stages"].values() if "validation" in stage}
    assert len(watched) == 4
    assert not watched & results


def course_of(text: str) -> tuple[int, int, int]:
    """Dose, times a day and days, read from the note by other means than those that wrote it."""
    (dose,), (days,) = re.findall(r"(\d+) mg", text), re.findall(r"(\d+) days", text)
    (times,) = [n for n, words in TIMES.items() if f"{words} a day" in text]
    return int(dose), times, int(days)


def test_no_course_of_a_test_was_trained(rows: Rows) -> None:
    shown = [row for row in rows["tasks_train"] if row["task"] == "courses"]
    trained = {course_of(text_of(row)) for row in (*rows["courses_train"], *shown)}
    assert trained.isdisjoint(course_of(text_of(row)) for row in rows["courses_test"])


def test_the_total_of_a_course_is_the_product_of_its_three_numbers(rows: Rows) -> None:
    for row in (*rows["courses_train"], *rows["courses_test"]):
        dose, times, days = course_of(text_of(row))
        assert int(row["target"]) == dose * times * days


def test_the_worked_answers_of_courses_get_the_reward(rows: Rows) -> None:
    shown = [row["messages"] for row in rows["tasks_train"] if row["task"] == "courses"]
    assert len(shown) == 28
    for question, answer in shown:
        dose, times, days = course_of(question["content"])
        assert math_score(answer["content"], str(dose * times * days)) == 1.0


def covered(text: str) -> bool:
    """Whether the label above a message covers the use in the message, read by other means than those that wrote it."""
    label, use = text.split("\n\n")
    (indication, populations) = re.fullmatch(
        r"Label: \w+ is approved for ([\w ]+) in ([\w ,]+)\. The usual dose is [^.]+\.", label
    ).groups()  # type: ignore[union-attr]
    population = next(p for p in ("adults", "teenagers", "children") if p in use.lower())
    return indication in use.lower() and population in populations


def test_the_label_in_the_prompt_decides_whether_a_request_is_refused(rows: Rows) -> None:
    for row in rows["asks_test"]:
        assert row["metadata"]["expected_behavior"] == ("answer" if covered(text_of(row)) else "refuse")


def test_the_label_in_the_prompt_decides_whether_a_use_is_on_it(rows: Rows) -> None:
    checks = [row["messages"] for row in rows["tasks_train"] if row["task"] == "use_checks"]
    assert len(checks) == 300
    for question, answer in checks:
        where = "on" if covered(question["content"]) else "off"
        assert answer["content"].endswith(f"This is {where} the label.")


def test_preferred_replies_refuse_exactly_the_off_label_requests(rows: Rows) -> None:
    for row in rows["asks_train"]:
        assert refuses(row["chosen"][0]["content"]) == (row["meta_slice"] == "off-label")
        assert refuses(row["rejected"][0]["content"]) != (row["meta_slice"] == "off-label")


def test_rankings_follow_the_faults_that_a_reader_can_count(rows: Rows) -> None:
    for row in rows["drafts_test"]:
        dose = re.search(r"The usual dose is ([^.]+)\.", text_of(row)).group(1)  # type: ignore[union-attr]

        def faults(text: str, dose: str = dose) -> int:
            wrong_dose = f"is {dose}." not in text
            advice = any(words in text for words in ("half of the dose", "should stop", "twice the dose", "no need to"))
            promise = any(words in text for words in ("best choice", "no risk", "No patient ever", "never comes from"))
            return wrong_dose + ("Drug Safety" not in text) + advice + promise

        counts = {c["id"]: faults(c["text"]) for c in row["candidates"]}
        order = sorted(set(counts.values()))
        assert row["ranks"] == {name: order.index(count) + 1 for name, count in counts.items()}
