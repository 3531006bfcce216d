"""From candidates to people and on to training, by one recipe; and from PandaLM's people to a reward model and DPO."""

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import load_dataset

from annotate_server import Client, owner_of, running
from command_line import Posttrain
from posttrain.statistics.agreement import fleiss_kappa

RECIPE = """\
model: model
stages:
  candidates: {kind: candidates, data: prompts.jsonl, k: 3, max_new_tokens: 8}
  rank:
    kind: rank
    data: candidates
    project: tone
    settings: {overlap: 2, most: 3}
  reward: {kind: reward, data: rank, max_length: 128, max_steps: 2}
  dpo: {kind: dpo, data: rank, max_length: 128, max_steps: 2}
"""


@pytest.fixture
def workspace(work: Path) -> Path:
    rows = [{"id": f"row-{n}", "prompt": f"Say {n}"} for n in range(8)]
    (work / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (work / "rank.yaml").write_text(RECIPE)
    return work


def rank_all(client: Client) -> int:
    done = 0
    while (held := client.post("/projects/1/assignments")).status_code == 200:
        lengths = [len(candidate["text"]) for candidate in held.json()["candidates"]]
        ranks = [1 + sum(other > one for other in lengths) for one in lengths]
        answer = client.post(f"/assignments/{held.json()['id']}/judgments", {"ranks": ranks})
        assert answer.status_code == 201, answer.text
        done += 1
    return done


def test_a_recipe_waits_for_people_and_goes_on_once_they_have_ranked(workspace: Path, posttrain: Posttrain) -> None:
    answer = posttrain("run", "rank.yaml", "--out", "out")
    assert answer.code == 3, answer.err
    assert "16 of 16 judgments are missing" in answer.err
    assert "posttrain annotate serve --db" in answer.err
    assert not (workspace / "out/stages/rank/stage.json").exists()
    with running(str(workspace / "annotate.db")) as server:
        owen = owner_of(server)
        assert rank_all(owen) == 8
        answer = posttrain("run", "rank.yaml", "--out", "out")
        assert (answer.code, "8 of 16 judgments are missing" in answer.err) == (3, True)
        command = [sys.executable, "-m", "posttrain", "run", "rank.yaml", "--out", "out", "--wait", "--json"]
        waiting = subprocess.Popen(command, cwd=workspace, stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        assert waiting.poll() is None, "it waits"
        assert rank_all(owen.invite(server, "ann")) == 8
        out, _ = waiting.communicate(timeout=300)
    assert waiting.returncode == 0
    figures = json.loads(out)
    assert figures["rank"]["rank/krippendorff_alpha"]["after"] == 1.0
    assert {"reward", "dpo"} <= set(figures)
    assert (workspace / "out/stages/rank/export/manifest.json").is_file()
    params = json.loads((workspace / "out/stages/candidates/params.json").read_text())
    manifest = json.loads((workspace / "out/stages/rank/export/manifest.json").read_text())
    assert {h for one in manifest["from"].values() for h in one["params_hash"].values()} <= set(params)


def test_a_simulated_annotators_rows_are_marked(workspace: Path, posttrain: Posttrain) -> None:
    text = RECIPE.replace("project: tone", "project: tone\n    simulated: 2").split("  reward:")[0]
    (workspace / "rank.yaml").write_text(text)
    answer = posttrain("run", "rank.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    rows = [json.loads(line) for line in (workspace / "out/stages/rank/export/train.jsonl").read_text().splitlines()]
    assert rows
    assert all(row["meta_simulated"] and len(row["chosen"]) > len(row["rejected"]) for row in rows)
    people = json.loads(posttrain("annotate", "users", "list", "--json").out)
    assert {one["origin"] for one in people} == {"simulated"}
    assert all(one["name"].startswith("simulated annotator") for one in people)


def test_a_plan_and_a_check_of_a_recipe_with_people(workspace: Path, posttrain: Posttrain) -> None:
    assert posttrain("validate", "rank.yaml").code == 0
    answer = posttrain("plan", "rank.yaml", "--json")
    assert answer.code == 0, answer.err
    plans = {plan["stage"]: plan for plan in json.loads(answer.out)}
    assert "comes from candidates" in plans["rank"]["notes"][0]
    assert "comes from rank" in plans["reward"]["notes"][0]
    assert posttrain("plan", "rank.yaml").code == 0
    assert posttrain("init", "rank").code == 0


WRONG: dict[str, tuple[tuple[str, str], str]] = {
    "a misspelt setting": (("overlap: 2", "overlp: 2"), "did you mean overlap"),
    "a guideline that is not there": (
        ("project: tone", "project: tone\n    guideline: rules.txt"),
        "stages.rank.guideline: rules.txt",
    ),
    "the earlier name of pairs": (("project: tone", "project: tone\n    policy: all"), "pairs"),
    "fewer than the overlap": (("most: 3", "most: 2, overlap: 3"), "rank.yaml"),
    "data of a stage that makes a model": (("data: rank,", "data: reward,"), "makes no data"),
    "a model of a stage that makes data": (("kind: dpo,", "kind: dpo, model: rank,"), "no model"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_gives_a_one_line_error(case: str, workspace: Path, posttrain: Posttrain) -> None:
    (old, new), expected = WRONG[case]
    assert old in RECIPE
    place = RECIPE.rindex(old)
    (workspace / "rank.yaml").write_text(RECIPE[:place] + new + RECIPE[place + len(old) :])
    answer = posttrain("validate", "rank.yaml")
    assert answer.code == 2, answer.err
    assert expected in answer.err
    assert "Traceback" not in answer.err


@pytest.fixture
def pandalm(work: Path, data_dir: Path, posttrain: Posttrain) -> Path:
    """PandaLM's three annotators, imported and exported as pairs; the shorter prompts, for the tiny model."""
    with gzip.open(data_dir / "preference/pandalm_testset_v1.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    short = [r for r in rows if sum(len(str(r[k])) for k in ("instruction", "input", "response1", "response2")) < 220]
    (work / "pandalm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in short[:60]))
    assert posttrain("annotate", "import", "pandalm.jsonl", "--project", "pandalm").code == 0
    out = posttrain("annotate", "export", "--project", "pandalm", "--out", "export", "--set", "least=0.6", "--json")
    assert out.code == 0, out.err
    return work


def test_pandalms_people_train_a_reward_model_and_dpo_and_each_pair_is_traced(
    pandalm: Path, posttrain: Posttrain
) -> None:
    agreement = json.loads(posttrain("annotate", "agreement", "--project", "pandalm", "--json").out)
    rows = [json.loads(line) for line in (pandalm / "pandalm.jsonl").read_text().splitlines()]
    settings = np.array([[row[f"annotator{n}"] for n in (1, 2, 3)] for row in rows], dtype=float)
    assert agreement["fleiss_kappa"]["value"] == pytest.approx(fleiss_kappa(settings))
    (pandalm / "train.yaml").write_text(
        "model: model\nstages:\n"
        "  reward: {kind: reward, data: export/train.jsonl, max_length: 256, max_steps: 2, batch_size: 4}\n"
        "  dpo: {kind: dpo, data: export/train.jsonl, max_length: 256, max_steps: 2, batch_size: 4}\n"
    )
    answer = posttrain("run", "train.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    assert set(json.loads(answer.out)) == {"reward", "dpo"}
    source = {str(row["idx"]): row for row in rows}
    for number, line in enumerate((pandalm / "export/train.jsonl").read_text().splitlines(), 1):
        if number % 10 == 1:
            traced = json.loads(posttrain("annotate", "trace", f"export/train.jsonl:{number}").out)
            row = source[traced["item"]]
            for one in traced["judgments"]:
                ranks = one["ranks"]
                assert {0: (1, 1), 1: (1, 2), 2: (2, 1)}[row[one["person"]]] == (ranks["1"], ranks["2"])
            better = min(("1", "2"), key=lambda n: sum(one["ranks"][n] for one in traced["judgments"]))
            assert json.loads(line)["chosen"] == str(row[f"response{better}"])


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_trls_trainers_take_the_export_as_it_is(pandalm: Path, posttrain: Posttrain, form: str) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
    from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

    out = ("annotate", "export", "--project", "pandalm", "--out", form, "--set", f"form={form}")
    assert posttrain(*out).code == 0
    kind = {"jsonl": "json"}.get(form, form)
    data: Any = load_dataset(kind, data_files=str(pandalm / f"{form}/train.{form}"), split="train")
    tokenizer = AutoTokenizer.from_pretrained("model")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    settings: dict[str, Any] = {"max_steps": 1, "per_device_train_batch_size": 2, "report_to": [], "use_cpu": True}
    settings |= {"max_length": 256, "bf16": False, "gradient_checkpointing": False}
    scorer = AutoModelForSequenceClassification.from_pretrained("model", num_labels=1)
    scorer.config.pad_token_id = tokenizer.pad_token_id
    RewardTrainer(
        model=scorer, args=RewardConfig(output_dir="r", **settings), train_dataset=data, processing_class=tokenizer
    ).train()
    writer = AutoModelForCausalLM.from_pretrained("model")
    DPOTrainer(
        model=writer, args=DPOConfig(output_dir="d", **settings), train_dataset=data, processing_class=tokenizer
    ).train()
