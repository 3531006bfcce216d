"""The audit as users run it: on files, on a recipe, as a stage; and what it foretells, beside what training reports."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_line import Posttrain
from on_policy_recipes import write_files
from posttrain.console import Screen
from posttrain.pipeline.audit import stage_budget
from posttrain.recipe.load import load_recipe
from posttrain.recipe.starter import starter


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def equal(foretold: Mapping[str, list[str]], noted: Mapping[str, list[str]], about: Mapping[str, Any]) -> None:
    """Every reason and note with its count, and the places that the trainer names."""
    assert {reason: len(places) for reason, places in foretold.items()} == {
        reason: skipped["rows"] for reason, skipped in about["skipped"].items()
    }
    for reason, skipped in about["skipped"].items():
        assert foretold[reason][: len(skipped["first"])] == skipped["first"]
    assert {note: len(places) for note, places in noted.items()} == about["noted"]


@pytest.mark.parametrize("truncation", ["drop", "left", "right"])
def test_the_audit_foretells_what_sft_reports(work: Path, posttrain: Posttrain, truncation: str) -> None:
    rows = [{"prompt": f"Say {n} " + "x" * 9 * (n % 17), "completion": "y" * (n % 90)} for n in range(120)]
    write_rows(work / "train.jsonl", rows)
    sets = ["--set", f"stages.sft.truncation={truncation}", "--set", "stages.sft.max_steps=1"]
    assert posttrain("run", "recipe.yaml", "--out", "out", *sets).code == 0
    about = json.loads((work / "out/stages/sft/data/data.json").read_text())
    recipe = load_recipe(work / "recipe.yaml", [f"stages.sft.truncation={truncation}"])
    found = stage_budget(recipe, "sft", work, Screen(quiet=True))
    equal(found.left_out, found.noted, about)
    assert found.left_out["empty completion"] == ["train.jsonl:1", "train.jsonl:91"]
    assert ("longer than max_length" in found.left_out) == (truncation == "drop")
    assert (f"cut {truncation}" in found.noted) == (truncation != "drop")
    assert found.kept == about["parts"]["train"]["groups"]
    assert found.tokens == about["parts"]["train"]["tokens"]


def test_the_audit_foretells_what_dpo_reports(work: Path, posttrain: Posttrain) -> None:
    pairs = [
        {"prompt": f"Say {n}", "chosen": "x" * (3 * n % 150), "rejected": "no" if n % 7 else "x" * (3 * n % 150)}
        for n in range(60)
    ]
    write_rows(work / "pairs.jsonl", pairs)
    assert posttrain("run", "pairs.yaml", "--out", "out", "--set", "stages.dpo.max_steps=1").code == 0
    found = stage_budget(load_recipe(work / "pairs.yaml"), "dpo", work, Screen(quiet=True))
    equal(found.left_out, found.noted, json.loads((work / "out/stages/dpo/data/data.json").read_text()))
    assert set(found.left_out) == {"chosen equals rejected", "longer than max_length", "empty completion"}


def test_the_audit_foretells_what_grpo_plans(work: Path, posttrain: Posttrain) -> None:
    write_files(work)
    write_rows(work / "rl_prompts.jsonl", [{"prompt": "Say " + "z" * n, "answer": str(n)} for n in range(70)])
    found = stage_budget(load_recipe(work / "ppo.yaml"), "ppo", work, Screen(quiet=True))
    plan = json.loads(posttrain("plan", "ppo.yaml", "--json").out)[0]
    assert found.kept == plan["parts"]["train"]["groups"]
    assert found.tokens == plan["parts"]["train"]["tokens"]
    (reason,) = found.left_out
    assert any(f"{reason}: {len(found.left_out[reason])} rows" in note for note in plan["notes"])


def test_an_audit_stage_stops_the_run_and_a_waiver_lets_it_pass_on_record(work: Path, posttrain: Posttrain) -> None:
    rows = [{"prompt": f"What is {n} plus one?", "completion": f"It is {n + 1}."} for n in range(20)]
    write_rows(work / "train.jsonl", rows)
    write_rows(work / "test.jsonl", [{"id": 1, "input": "What is 7 plus one?", "target": "8"}])
    check = "  check: {kind: audit, data: train.jsonl, against: {path: test.jsonl, columns: {prompt: input}}}\n"
    (work / "recipe.yaml").write_text((work / "recipe.yaml").read_text() + check)
    answer = posttrain("run", "recipe.yaml", "--out", "out")
    assert answer.code == 2
    assert "leakage-exact" in answer.err
    assert "train.jsonl:8" in answer.err
    assert not (work / "out/stages/sft").exists()  # the audit goes first, wherever the recipe lists it
    waive = ["--set", "stages.check.waive={leakage-exact: the test repeats it}", "--set", "stages.sft.max_steps=1"]
    assert posttrain("run", "recipe.yaml", "--out", "out", *waive).code == 0
    record = json.loads((work / "out/stages/check/findings.json").read_text())
    assert record["reasons"] == {"leakage-exact": "the test repeats it"}
    manifest = json.loads((work / "out/manifest.json").read_text())
    assert manifest["recipe"]["stages"]["check"]["waive"] == {"leakage-exact": "the test repeats it"}
    assert (work / "out/stages/check/report.html").is_file()


def test_a_misspelt_waiver_is_an_error_with_a_suggestion(work: Path, posttrain: Posttrain) -> None:
    write_rows(work / "train.jsonl", [{"prompt": "Tell me", "completion": "no", "x": n} for n in range(5)])
    answer = posttrain("audit", "train.jsonl", "--waive", "exact-duplicates")
    assert answer.code == 2
    assert "did you mean exact-duplicate?" in answer.err


def test_audit_of_a_recipe_tries_rewards_on_the_reference_answers(work: Path, posttrain: Posttrain) -> None:
    write_files(work)
    rows = [{"prompt": f"What is {n} and {n}?", "answer": f"#### {2 * n}" if n % 5 else "a lot"} for n in range(15)]
    write_rows(work / "rl_prompts.jsonl", rows)
    recipe = yaml.safe_load((work / "ppo.yaml").read_text())
    recipe["stages"]["ppo"]["rewards"] = {
        "right": {"kind": "math", "target": "answer"},
        "listed": {"kind": "match", "target": "answer"},
    }
    (work / "ppo.yaml").write_text(yaml.safe_dump(recipe))
    answer = posttrain("audit", "--recipe", "ppo.yaml", "--json")
    found = {one["name"]: one for one in json.loads(answer.out)["ppo"]["findings"]}
    assert "reward-misses-reference" not in found
    labelled = {"kind": "match", "target": "answer", "how": "label", "labels": ["yes", "no"]}
    recipe["stages"]["ppo"]["rewards"] = {"labelled": labelled}
    (work / "ppo.yaml").write_text(yaml.safe_dump(recipe))
    answer = posttrain("audit", "--recipe", "ppo.yaml", "--json")
    found = {one["name"]: one for one in json.loads(answer.out)["ppo"]["findings"]}
    assert found["reward-fails-on-reference"]["count"] == 15, "no answer is one of the labels"
    broken = "def letters(completion, row):\n    return 1 / (row['answer'] != 'a lot')\n"
    (work / "mine.py").write_text(broken)
    recipe["stages"]["ppo"]["rewards"] = {"letters": {"kind": "python", "file": "mine.py", "function": "letters"}}
    (work / "ppo.yaml").write_text(yaml.safe_dump(recipe))
    answer = posttrain("audit", "--recipe", "ppo.yaml", "--json")
    assert answer.code == 2
    found = {one["name"]: one for one in json.loads(answer.out)["ppo"]["findings"]}
    assert found["reward-fails-on-reference"]["rows"] == [f"rl_prompts.jsonl:{n}" for n in (1, 6, 11)]


def test_audit_of_a_recipe_lists_the_rows_it_would_cut(work: Path, posttrain: Posttrain) -> None:
    rows = [{"prompt": f"Say {n}", "completion": "word " * (40 if n in (3, 9) else 2)} for n in range(20)]
    write_rows(work / "train.jsonl", rows)
    found = {
        one["name"]: one
        for one in json.loads(posttrain("audit", "--recipe", "recipe.yaml", "--json").out)["sft"]["findings"]
    }
    assert found["rows-too-long"]["rows"] == ["train.jsonl:4", "train.jsonl:10"]
    longer = posttrain("audit", "--recipe", "recipe.yaml", "--set", "stages.sft.max_length=256", "--json")
    assert "rows-too-long" not in {one["name"] for one in json.loads(longer.out)["sft"]["findings"]}


def test_data_that_stages_make_is_left_to_later(work: Path, posttrain: Posttrain) -> None:
    recipe = yaml.safe_load(starter("rank")) | {"model": "model"}
    write_rows(work / "prompts.jsonl", [{"prompt": f"Say {n}"} for n in range(9)])
    (work / "rank.yaml").write_text(yaml.safe_dump(recipe))
    answer = posttrain("audit", "--recipe", "rank.yaml")
    assert answer.code == 2
    assert "its data comes from rank" in answer.err
    assert "name the files to audit" in answer.err
    recipe["stages"]["sft"] = {"kind": "sft", "data": "train.jsonl"}
    (work / "rank.yaml").write_text(yaml.safe_dump(recipe))
    assert json.loads(posttrain("audit", "--recipe", "rank.yaml", "--json").out).keys() == {"sft"}


def test_bad_bytes_and_marks_are_findings_not_the_end(work: Path, posttrain: Posttrain) -> None:
    good = b'{"prompt": "Say it", "completion": "It."}\n'
    lines = [
        b"\xef\xbb\xbf" + good,
        b"{broken\n",
        b'{"prompt": "a", "completion": "\xff"}\n',
        good,
        b"[1]\n",
        b"\x00\n",
    ]
    (work / "train.jsonl").write_bytes(b"".join(lines))
    answer = posttrain("audit", "train.jsonl", "--json")
    report = json.loads(answer.out)
    assert answer.code == 2
    (unreadable,) = [one for one in report["findings"] if one["name"] == "unreadable-row"]
    assert [int(where.rpartition(":")[2]) for where in unreadable["rows"]] == [2, 3, 5, 6]
    assert report["rows"] == 2, "a byte order mark is no part of its row"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jsonl"], "no such file"),
        ([], "name the files to audit"),
        (["train.jsonl", "--columns", "prompt"], "not of the form"),
        (["train.jsonl", "--against", "trian.jsonl"], "did you mean train.jsonl?"),
        (["train.jsonl", "--set", "stages.sft.max_length=300"], "name it with --recipe"),
        (["train.jsonl", "--presidio", "en_no_such"], "spacy download en_no_such"),
    ],
)
def test_a_wrong_argument_gives_one_sentence(
    work: Path, posttrain: Posttrain, arguments: list[str], message: str
) -> None:
    answer = posttrain("audit", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_audit_of_a_recipe_and_the_audit_stage_read_a_text_with_a_label_as_the_trainer(
    work: Path, posttrain: Posttrain
) -> None:
    write_rows(work / "train.jsonl", [{"text": f"Room {n} was clean.", "label": "good"} for n in range(20)])
    recipe = json.loads(posttrain("audit", "--recipe", "recipe.yaml", "--json").out)["sft"]
    check = "  check: {kind: audit, data: train.jsonl}\n"
    (work / "recipe.yaml").write_text((work / "recipe.yaml").read_text() + check)
    assert posttrain("run", "recipe.yaml", "--out", "out", "--set", "stages.sft.max_steps=1").code == 0
    stage = json.loads((work / "out/stages/check/findings.json").read_text())
    for report in (recipe, stage):
        assert report["files"]["train.jsonl"]["convention"] == "text"
        assert "guessed-columns" not in {finding["name"] for finding in report["findings"]}
    about = json.loads((work / "out/stages/sft/data/data.json").read_text())
    assert recipe["figures"]["budget"]["kept"] == about["parts"]["train"]["groups"]
    assert recipe["figures"]["budget"]["tokens"] == about["parts"]["train"]["tokens"]
    assert stage["figures"]["budget"]["kept"] == 20
