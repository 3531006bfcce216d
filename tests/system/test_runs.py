"""`posttrain runs`, `show` and `doctor`: what a user sees of runs and of the machine, without loading a model."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import Posttrain
from posttrain.pipeline.run_directory import locked
from posttrain.report.run_list import listed_runs
from run_folders import put_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put_run(tmp_path / "runs/first", {"sft": {}, "dpo": {"kind": "dpo", "model": "sft"}})
    put_run(tmp_path / "runs/sweep/beta-1/run", {"sft": {}})
    return tmp_path / "runs"


def test_runs_are_listed_the_latest_first_at_any_depth(runs: Path, posttrain: Posttrain) -> None:
    later = time.time() + 100
    os.utime(runs / "first/manifest.json", (later, later))
    assert [run.folder.relative_to(runs).as_posix() for run in listed_runs(runs)] == ["first", "sweep/beta-1/run"]
    done = posttrain("runs", "--json")
    assert done.code == 0, done.err
    first = json.loads(done.out)[0]
    assert first["stages"] == [2, 2]
    assert "No gates were set" in first["verdict"]
    assert "runs/first" in posttrain("runs", "runs").out


def test_a_broken_run_is_listed_with_what_is_broken(runs: Path, posttrain: Posttrain) -> None:
    (runs / "first/manifest.json").write_text("{")
    verdicts = {run["folder"]: run["verdict"] for run in json.loads(posttrain("runs", "--json").out)}
    assert "manifest.json" in verdicts["runs/first"]


def test_a_file_with_two_names_counts_once(runs: Path) -> None:
    (runs / "first/big").write_bytes(b"x" * 100_000)
    before = listed_runs(runs / "first")[0].size
    (runs / "first/again").hardlink_to(runs / "first/big")
    (runs / "first/linked").symlink_to(runs / "first/big")
    assert listed_runs(runs / "first")[0].size == before


def test_a_run_is_removed_only_if_the_user_says_so(runs: Path, posttrain: Posttrain) -> None:
    done = posttrain("runs", "remove", "runs/first")
    assert done.code == 2
    assert "add --yes" in done.err
    assert (runs / "first/manifest.json").is_file()
    assert posttrain("runs", "remove", "runs/first", "--yes").code == 0
    assert [path.name for path in runs.iterdir()] == ["sweep"]


def test_what_is_no_run_or_at_work_is_never_removed(runs: Path, posttrain: Posttrain, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "extension").mkdir()
    (tmp_path / "extension/manifest.json").write_text('{"manifest_version": 3}')
    for folder in ("mine", "extension", "runs", "runs/nothing"):
        done = posttrain("runs", "remove", folder, "--yes")
        assert done.code == 2
        assert "not a run's folder" in done.err
    holds = "import sys; from pathlib import Path; from posttrain.pipeline.run_directory import locked\n"
    holds += "with locked(Path('runs/first')):\n    print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        done = posttrain("runs", "remove", "runs/first", "--yes")
        assert process.stdin is not None
        process.stdin.close()
    assert done.code == 2
    assert "another run is at work here" in done.err
    assert (runs / "first/manifest.json").is_file()
    with locked(runs / "first"):
        pass


def test_show_tells_the_verdict_the_stages_and_the_figures(runs: Path, posttrain: Posttrain) -> None:
    done = posttrain("show", "runs/first")
    assert done.code == 0, done.err
    assert "No gates were set" in done.out
    for word in ("sft", "dpo", "done"):
        assert word in done.out
    assert posttrain("show", "runs").code == 2


def test_a_folder_without_runs_says_how_to_make_one(tmp_path: Path, posttrain: Posttrain) -> None:
    assert "posttrain run RECIPE" in posttrain("runs", str(tmp_path)).out
    assert posttrain("runs", str(tmp_path / "nothing")).code == 2


def test_doctor_names_each_part_and_the_step_for_a_missing_one(
    posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    from posttrain.cli import doctor_work

    version = doctor_work.importlib.metadata.version

    def without_wandb(name: str) -> str:
        if name == "wandb":
            raise doctor_work.importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor_work.importlib.metadata, "version", without_wandb)
    done = posttrain("doctor", "--json")
    assert done.code == 0, done.err
    lines = {line["what"]: line for line in json.loads(done.out)}
    assert {"versions", "machine", "precision", "memory", "cache", "sandbox", "bitsandbytes"} <= lines.keys()
    assert lines["wandb"]["state"] == "missing"
    assert lines["wandb"]["next_step"] == "pip install 'posttrain[wandb]'"
    assert posttrain("doctor", "--strict").code == 1
    assert "pip install" in posttrain("doctor").out
