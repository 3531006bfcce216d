"""Damage in a run directory: the run repairs it and ends with the same weights, or names the damaged file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import Posttrain
from on_policy_recipes import write_files
from posttrain.files import sha256_of

SETS = ("--set", "stages.sft.save_every=1", "--set", "stages.sft.keep_checkpoints=9")


def interrupt(stage: Path, steps: int) -> None:
    """Leave the stage's folder as a run that was killed after so many steps leaves it."""
    shutil.rmtree(stage / "model")
    (stage / "stage.json").unlink()
    for checkpoint in stage.glob("checkpoints/step-*"):
        if int(checkpoint.name[5:]) > steps:
            shutil.rmtree(checkpoint)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 200):
        data[place] ^= 3
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.fixture
def halfway(work: Path, posttrain: Posttrain) -> tuple[Path, str]:
    """A stage's folder as of step 3, and the hash of the model of an uninterrupted run."""
    assert posttrain("run", "recipe.yaml", "--out", "out", *SETS).code == 0
    stage = work / "out/stages/sft"
    whole = sha256_of(stage / "model")
    interrupt(stage, 3)
    return stage, whole


@pytest.mark.parametrize("damage", [flip, cut, blank, Path.unlink])
@pytest.mark.parametrize("file", ["data/train/tokens.bin", "data/train/loss.bin", "data/data.json"])
def test_damaged_tokens_are_made_again(
    file: str, damage: Callable[[Path], None], halfway: tuple[Path, str], posttrain: Posttrain
) -> None:
    stage, whole = halfway
    damage(stage / file)
    answer = posttrain("run", "recipe.yaml", "--out", "out", *SETS)
    assert answer.code == 0, answer.err
    assert sha256_of(stage / "model") == whole


def test_lost_lines_of_the_log_are_said(halfway: tuple[Path, str], posttrain: Posttrain) -> None:
    stage, whole = halfway
    (stage / "metrics.jsonl").unlink()
    answer = posttrain("run", "recipe.yaml", "--out", "out", *SETS)
    assert answer.code == 0, answer.err
    assert "metrics.jsonl" in answer.out + answer.err
    assert sha256_of(stage / "model") == whole


@pytest.mark.parametrize("damage", [flip, Path.unlink])
@pytest.mark.parametrize("steps", [4, 5], ids=["between two rollouts", "within a rollout"])
def test_a_damaged_rollout_is_written_again_or_named(
    steps: int, damage: Callable[[Path], None], work: Path, posttrain: Posttrain
) -> None:
    write_files(work)
    sets = ("--set", "stages.grpo.save_every=1", "--set", "stages.grpo.keep_checkpoints=9")
    (work / "g.yaml").write_text((work / "grpo.yaml").read_text())
    assert posttrain("run", "g.yaml", "--out", "out", *sets).code == 0
    stage = work / "out/stages/grpo"
    whole = sha256_of(stage / "model")
    interrupt(stage, steps)
    damage(stage / "rollouts/rollout-00000001/groups/tokens.bin")
    answer = posttrain("run", "g.yaml", "--out", "out", *sets)
    if steps == 4:
        assert answer.code == 0, answer.err
    else:
        assert answer.code == 1
        assert "rollout-00000001" in answer.err
        shutil.rmtree(stage / "checkpoints/step-00000005")
        assert posttrain("run", "g.yaml", "--out", "out", *sets).code == 0
    assert sha256_of(stage / "model") == whole


def test_a_damaged_cache_of_reference_log_probs_is_computed_again(
    work: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = work / "cache"
    monkeypatch.setenv("POSTTRAIN_CACHE", str(cache))
    sets = ("--set", "stages.dpo.precision=float32")
    assert posttrain("run", "pairs.yaml", "--out", "one", *sets).code == 0
    kept = list(cache.glob("reference/*/logprobs.bin"))
    assert len(kept) == 2, "of the training and of the held-out pairs"
    for file in kept:
        blank(file)
    assert posttrain("run", "pairs.yaml", "--out", "two", *sets).code == 0
    assert sha256_of(Path("one/stages/dpo/model")) == sha256_of(Path("two/stages/dpo/model"))
    assert json.loads(Path("one/summary.json").read_text()) == json.loads(Path("two/summary.json").read_text())


@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_a_damaged_finished_model_is_made_again(
    damage: Callable[[Path], None], work: Path, posttrain: Posttrain
) -> None:
    """From its last checkpoint, before a further stage trains on it; a file that someone adds is no damage."""
    more = "  more: {kind: sft, model: sft, data: train.jsonl, max_length: 128, max_steps: 1}\n"
    Path("two.yaml").write_text(Path("recipe.yaml").read_text() + more)
    assert posttrain("run", "two.yaml", "--out", "out").code == 0
    stages = work / "out/stages"
    whole = [sha256_of(stages / name / "model") for name in ("sft", "more")]
    damage(stages / "sft/model/model.safetensors")
    answer = posttrain("run", "two.yaml", "--out", "out")
    assert answer.code == 0, answer.err
    assert "damaged" in answer.out + answer.err
    assert [sha256_of(stages / name / "model") for name in ("sft", "more")] == whole
    (stages / "sft/model/NOTES.md").write_text("good")
    assert "damaged" not in posttrain("run", "two.yaml", "--out", "out").out


@pytest.mark.parametrize("file", ["started.json", "stage.json"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_record_of_a_stage_ends_in_no_traceback(
    file: str, finished: bool, work: Path, posttrain: Posttrain
) -> None:
    assert posttrain("run", "recipe.yaml", "--out", "out", *SETS).code == 0
    stage = work / "out/stages/sft"
    whole = sha256_of(stage / "model")
    if not finished:
        interrupt(stage, 3)
    (stage / file).write_text("{")
    assert posttrain("run", "recipe.yaml", "--out", "out", *SETS).code == 0
    assert sha256_of(stage / "model") == whole


def test_a_run_directory_that_is_deleted_during_the_run_is_one_sentence(work: Path, posttrain: Posttrain) -> None:
    rewards = (
        "def short(completion, row):\n    import shutil\n    shutil.rmtree('out', ignore_errors=True)\n    return 1.0\n"
    )
    Path("mine.py").write_text(rewards)
    Path("g.yaml").write_text(
        "model: model\nstages:\n  g: {kind: grpo, data: train.jsonl, max_new_tokens: 4, max_steps: 2, max_length: 64,\n"
        "    rewards: {short: {kind: python, file: mine.py, function: short}}}\n"
    )
    answer = posttrain("run", "g.yaml", "--out", "out")
    assert answer.code == 1
    assert "was deleted or moved while the run was at work" in answer.err
