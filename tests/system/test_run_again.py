"""A recipe run a second time: no result is lost, what changed is shown, what comes to the same is not done again."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import LlamaConfig

from byte_model import save_byte_model
from command_line import Posttrain

QUICK = ("--set", "stages.sft.max_steps=2", "--set", "stages.sft.validation=null")


def rate(value: str) -> tuple[str, ...]:
    return (*QUICK, "--set", f"stages.sft.learning_rate={value}")


def weights(stage: Path) -> bytes:
    return (stage / "model/model.safetensors").read_bytes()


def test_two_recipes_of_one_name_run_in_two_directories(work: Path, posttrain: Posttrain) -> None:
    for name in ("a", "b"):
        (work / name).mkdir()
        text = (
            (work / "recipe.yaml").read_text().replace("train.jsonl", "../train.jsonl").replace("model\n", "../model\n")
        )
        (work / name / "recipe.yaml").write_text(text)
        assert posttrain("run", f"{name}/recipe.yaml", *QUICK).code == 0
    assert {path.name for path in (work / "runs").iterdir()} == {"a-recipe", "b-recipe"}


def test_another_recipes_run_directory_is_refused(work: Path, posttrain: Posttrain) -> None:
    assert posttrain("run", "recipe.yaml", "--out", "out", *QUICK).code == 0
    before = weights(work / "out/stages/sft")
    shutil.copy(work / "recipe.yaml", work / "other.yaml")
    answer = posttrain("run", "other.yaml", "--out", "out", *rate("0.5"))
    assert answer.code == 2
    assert str(work / "recipe.yaml") in answer.err
    assert "--out" in answer.err
    assert weights(work / "out/stages/sft") == before
    (work / "recipe.yaml").unlink()
    assert posttrain("run", "other.yaml", "--out", "out", *QUICK).code == 0, "a recipe may be renamed"


def test_every_earlier_result_is_kept_and_what_changed_is_shown(work: Path, posttrain: Posttrain) -> None:
    stages, made = work / "out/stages", []
    for value in ("0.001", "0.002", "0.003"):
        answer = posttrain("run", "recipe.yaml", "--out", "out", *rate(value))
        assert answer.code == 0, answer.err
        made.append(weights(stages / "sft"))
    assert "learning_rate: 0.002 → 0.003" in answer.err
    assert [weights(stages / f"sft.previous-{n}") for n in (1, 2)] == made[:2]
    assert str(Path("out/stages/sft.previous-2")) in answer.err
    with (work / "train.jsonl").open("a") as file:
        file.write('{"prompt": "Say more", "completion": "more"}\n')
    assert "train.jsonl: another content" in posttrain("run", "recipe.yaml", "--out", "out", *rate("0.003")).err


def test_keep_refuses_to_start_over(work: Path, posttrain: Posttrain) -> None:
    assert posttrain("run", "recipe.yaml", "--out", "out", *rate("0.001")).code == 0
    before = {path: path.stat().st_mtime_ns for path in (work / "out").rglob("*") if path.name != ".lock"}
    answer = posttrain("run", "recipe.yaml", "--out", "out", "--keep", *rate("0.002"))
    assert answer.code == 2
    assert "learning_rate: 0.001 → 0.002" in answer.err
    assert {path: path.stat().st_mtime_ns for path in (work / "out").rglob("*") if path.name != ".lock"} == before
    assert posttrain("run", "recipe.yaml", "--out", "out", "--keep", *rate("0.001")).code == 0


def test_a_failed_start_leaves_no_earlier_result(work: Path, posttrain: Posttrain) -> None:
    (work / "rows.jsonl").write_text("")
    failing = ("--set", "stages.sft.data=rows.jsonl")
    assert posttrain("run", "recipe.yaml", "--out", "out", *QUICK, *failing).code == 2
    answer = posttrain("run", "recipe.yaml", "--out", "out", *QUICK)
    assert answer.code == 0, answer.err
    assert "earlier" not in answer.err
    assert [path.name for path in (work / "out/stages").iterdir()] == ["sft"]


def test_a_stage_of_an_earlier_recipe_is_named_and_left(work: Path, posttrain: Posttrain) -> None:
    assert posttrain("run", "recipe.yaml", "--out", "out", *QUICK).code == 0
    text = (work / "recipe.yaml").read_text().replace("  sft:", "  tuned:")
    (work / "recipe.yaml").write_text(text)
    answer = posttrain("run", "recipe.yaml", "--out", "out", "--set", "stages.tuned.max_steps=1")
    assert "stages/sft/" in answer.err
    assert weights(work / "out/stages/sft")


def test_a_stage_whose_steps_stay_the_same_is_not_trained_again(work: Path, posttrain: Posttrain) -> None:
    ends = [(2, "null"), (2, "30"), (5, "12"), (5, "13")]  # 24 rows, 4 a step: 12 steps, 12, 12, 13
    times = []
    for epochs, most in ends:
        sets = (f"stages.sft.epochs={epochs}", f"stages.sft.max_steps={most}", "stages.sft.validation=null")
        answer = posttrain("run", "recipe.yaml", "--out", "out", *(word for s in sets for word in ("--set", s)))
        assert answer.code == 0, answer.err
        times.append((work / "out/stages/sft/stage.json").stat().st_mtime_ns)
    assert times[0] == times[1] == times[2] != times[3]


def test_epochs_that_end_before_max_steps_are_named(work: Path, posttrain: Posttrain) -> None:
    sets = ("--set", "stages.sft.validation=null", "--set", "stages.sft.max_steps=30")
    for command in (("run", "recipe.yaml", "--out", "out"), ("plan", "recipe.yaml")):
        answer = posttrain(*command, *sets)
        assert "max_steps is 30, but epochs: 2 end the stage at step 12; raise epochs" in answer.out + answer.err


@pytest.fixture
def huge(work: Path) -> Path:
    """The model with the shape of one that no machine holds, and weights that cannot be read."""
    (work / "model").unlink()
    model = save_byte_model(work / "model")
    config = LlamaConfig.from_pretrained(model)
    config.update({"hidden_size": 65536, "intermediate_size": 262144, "num_hidden_layers": 100, "head_dim": 64})
    config.save_pretrained(model)
    (model / "model.safetensors").write_bytes(b"not weights")
    return work


def test_a_model_that_does_not_fit_ends_plan_and_run_before_weights_are_read(
    huge: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr("posttrain.pipeline.wiring.sha256_of", hashed.append)
    answer = posttrain("run", "recipe.yaml", "--out", "out")
    assert answer.code == 2
    assert "stages.sft: does not fit" in answer.err
    assert "lora" in answer.err
    assert not (huge / "out/stages").exists()
    assert hashed == []
    answer = posttrain("plan", "recipe.yaml", "--json")
    assert answer.code == 2
    (plan,) = json.loads(answer.out)
    assert plan["memory_bytes"]["total"] > plan["free_bytes"]
    assert "does not fit" in posttrain("plan", "recipe.yaml").out


def test_a_plan_tells_time_and_disk_and_no_memory_of_an_audit(work: Path, posttrain: Posttrain) -> None:
    with (work / "recipe.yaml").open("a") as file:
        file.write("  check: {kind: audit, data: train.jsonl}\n")
    check, sft = json.loads(posttrain("plan", "recipe.yaml", "--json").out)
    assert (check["memory_bytes"]["total"], check["free_bytes"], check["does_not_fit"]) == (0, None, None)
    assert sft["seconds"] > 0
    assert posttrain("run", "recipe.yaml", "--out", "out").code == 0
    stage = work / "out/stages/sft"
    kept = [path for name in ("model", "checkpoints", "data") for path in (stage / name).rglob("*") if path.is_file()]
    assert sft["disk_bytes"] == pytest.approx(sum(path.stat().st_size for path in kept), rel=0.5)
    assert "loads no model" in posttrain("plan", "recipe.yaml").out


def test_at_a_terminal_it_asks_before_it_starts_over(work: Path, posttrain: Posttrain) -> None:
    assert posttrain("run", "recipe.yaml", "--out", "out", *rate("0.001")).code == 0
    before = weights(work / "out/stages/sft")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "posttrain", "run", "recipe.yaml", "--out", "out", *rate("0.002")]
    process = subprocess.Popen(command, cwd=work, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    os.write(ours, b"n\n")
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    assert process.wait() == 2
    assert b"[y/N]" in shown
    assert weights(work / "out/stages/sft") == before
    assert not (work / "out/stages/sft.previous-1").exists()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""
