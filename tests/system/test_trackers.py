"""Real trackers, read back by their own clients: a killed and resumed run has each step once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from command_line import Posttrain
from posttrain.errors import InputError
from posttrain.trackers.mark import read_mark
from posttrain.trackers.options import MlflowOptions, TensorboardOptions, TrackersOptions, TrackioOptions, WandbOptions
from posttrain.trackers.registry import CLIENTS, check_installed, open_tracker
from posttrain.trackers.tracker import StageSummary, StepMetrics, TrackedRun
from wandb_files import history_of

Steps = list[int]
Reader = Callable[[Path, str], Mapping[int, float]]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with MLflow's store; the first creation of its database takes seconds. trackio's is in conftest.py."""
    folder = tmp_path_factory.mktemp("stores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield folder


def in_tensorboard(folder: Path, metric: str) -> Steps:
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return [one.step for one in events.Scalars(metric)]


def in_mlflow(run_id: str, metric: str) -> Steps:
    client = MlflowClient()
    place = client.get_experiment_by_name("posttrain")
    assert place is not None
    (run,) = client.search_runs([place.experiment_id], f"tags.`posttrain.id` = '{run_id}'")
    return [one.step for one in client.get_metric_history(run.info.run_id, metric)]


def in_wandb(folder: Path, metric: str) -> Steps:
    return [row["_step"] for row in history_of(folder / "wandb") if metric in row]


def in_trackio(name: str, metric: str) -> Steps:
    storage = import_module("trackio.sqlite_storage").SQLiteStorage
    return [row["step"] for row in storage.get_logs("posttrain", name) if metric in row]


def found(tracker: str, folder: Path, run_id: str, metric: str, name: str) -> Steps:
    match tracker:
        case "tensorboard":
            return in_tensorboard(folder, metric)
        case "mlflow":
            return in_mlflow(run_id, metric)
        case "wandb":
            return in_wandb(folder, metric)
        case _:
            return in_trackio(f"{name}-{run_id[:8]}", metric)


def steps_between(first: int, last: int) -> list[StepMetrics]:
    return [StepMetrics(n, 1.8e9 + n, {"learning_rate": 1 / n, "loss": 2.0 / n}) for n in range(first, last + 1)]


@pytest.mark.parametrize("tracker", CLIENTS)
def test_a_process_killed_between_a_report_and_its_mark_leaves_each_step_once(
    tracker: str, stores: Path, tmp_path: Path
) -> None:
    """The killed process reported steps 1 to 4, and its mark on disk is certain of the first two only."""
    options = dict(TrackersOptions.model_validate([tracker]).chosen())[tracker]
    run_id = f"{tracker}-killed"
    killed = open_tracker(tracker, options)
    assert killed.start(TrackedRun(run_id, "run-sft", "run", {"lora.rank": 8, "kind": "sft"}, tmp_path)) == 0
    killed.log(steps_between(1, 2))
    killed.log(steps_between(3, 4))
    if tracker in ("wandb", "trackio"):  # their own processes and threads finish what they have
        killed.finish(None)
    resumed = open_tracker(tracker, options)
    last = resumed.start(TrackedRun(run_id, "run-sft", "run", {}, tmp_path, reported=2, attempted=4))
    resumed.log([step for step in steps_between(1, 6) if step.step > last])
    resumed.finish(StageSummary({"eval_loss": 0.25, "echo[small]": 1.0}, {"echo >= 0.9": "pass"}))
    assert found(tracker, tmp_path, run_id, "loss", "run-sft") == [1, 2, 3, 4, 5, 6]
    if tracker == "tensorboard":
        events = EventAccumulator(str(tmp_path / "tensorboard"))
        events.Reload()
        assert [(e.step, e.value, e.wall_time) for e in events.Scalars("loss")][2] == (
            3,
            pytest.approx(2 / 3),
            1.8e9 + 3,
        )
        assert events.Scalars("final/eval_loss")[0].value == 0.25
        assert b"lora.rank: 8" in events.Tensors("config/text_summary")[0].tensor_proto.string_val[0]


@pytest.mark.parametrize("tracker", ["mlflow"])
def test_mlflow_holds_hyper_parameters_final_values_and_verdicts(tracker: str, stores: Path, tmp_path: Path) -> None:
    client = open_tracker(tracker, MlflowOptions(experiment="other"))
    config = {f"key{n}": n for n in range(150)} | {"text": "x" * 9000}
    client.start(TrackedRun("abc", "run-sft", "run", config, tmp_path))
    client.log(steps_between(1, 700))
    client.finish(StageSummary({"echo[small]": 0.5}, {"echo >= 0.9": "fail"}))
    reader = MlflowClient()
    experiment = reader.get_experiment_by_name("other")
    assert experiment is not None
    (run,) = reader.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("run-sft", "FINISHED")
    assert len(run.data.params) == 151
    assert run.data.metrics["final/echo_small_"] == 0.5
    assert run.data.tags["posttrain.gates"] == "echo >= 0.9: fail"
    assert len(reader.get_metric_history(run.info.run_id, "loss")) == 700


def test_wandb_is_offline_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    modes: list[str] = []
    module = import_module("posttrain.trackers.wandb")

    def init(**given: str) -> None:
        modes.append(given["mode"])

    monkeypatch.setattr(module.wandb, "init", init)
    run = TrackedRun("a", "b", "c", {}, tmp_path)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    open_tracker("wandb", WandbOptions()).start(run)
    monkeypatch.setenv("WANDB_MODE", "online")
    open_tracker("wandb", WandbOptions()).start(run)
    open_tracker("wandb", WandbOptions(mode="offline")).start(run)
    assert modes == ["offline", "online", "offline"]


RECIPE = """\
model: model
trackers: {trackers}
stages:
  sft: {{kind: sft, data: train.jsonl, validation: 0.25, max_length: 128, batch_size: 4, max_steps: 200, epochs: 200,
    save_every: 60, eval_every: 50}}
"""


def test_a_killed_and_resumed_run_has_each_step_once(work: Path, stores: Path, posttrain: Posttrain) -> None:
    (work / "tracked.yaml").write_text(RECIPE.format(trackers="[tensorboard, mlflow, wandb, trackio]"))
    out, marks = work / "out", work / "out/stages/sft/trackers"
    command = [sys.executable, "-m", "posttrain", "run", "tracked.yaml", "--out", "out"]
    process = subprocess.Popen(command, cwd=work, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    while process.poll() is None and read_mark(marks / "tensorboard.json").reported < 1:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it was killed"
    at_kill = {name: read_mark(marks / f"{name}.json") for name in CLIENTS}
    answer = posttrain("run", "tracked.yaml", "--out", "out", "--json")
    assert answer.code == 0, answer.err
    assert set(json.loads(answer.out)) == {"sft"}, "no tracker prints on standard output"
    lines = [json.loads(line) for line in (out / "stages/sft/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["split"] == "train"] == list(range(1, 201))
    for name in CLIENTS:
        mark = read_mark(marks / f"{name}.json")
        assert (mark.reported, mark.finished is not None) == (200, True)
        trained = found(name, marks, mark.id, "loss", "out-sft")
        doubtful = at_kill[name].attempted - at_kill[name].reported if name == "wandb" else 0
        assert len(set(trained)) == len(trained), f"{name} has a step twice"
        assert 200 - doubtful <= len(trained) <= 200, name
        evaluated = found(name, marks, mark.id, "eval_loss", "out-sft")
        assert evaluated == [step for step in range(50, 201, 50) if step in trained], name
    assert found("mlflow", marks, read_mark(marks / "mlflow.json").id, "final/eval_loss", "") == [200]


def test_a_tracker_without_its_package_is_bad_input_before_anything_runs(
    work: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "tracked.yaml").write_text(RECIPE.format(trackers="[mlflow]"))
    monkeypatch.setattr("posttrain.trackers.registry.find_spec", lambda name: None)
    answer = posttrain("run", "tracked.yaml", "--out", "out")
    assert answer.code == 2
    assert re.search(r"tracked.yaml:2: trackers.mlflow: .*pip install 'posttrain\[mlflow\]'", answer.err)
    assert not (work / "out").exists()
    with pytest.raises(InputError):
        check_installed("wandb")


def test_a_server_that_is_away_is_noted_once_and_the_run_ends_well(
    work: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    trackers = "{mlflow: {uri: 'http://127.0.0.1:9'}}"
    (work / "tracked.yaml").write_text(RECIPE.format(trackers=trackers).replace("max_steps: 200", "max_steps: 4"))
    answer = posttrain("run", "tracked.yaml", "--out", "out")
    assert answer.code == 0
    assert answer.err.count("mlflow gets no further reports") == 1


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("report_to: wandb", r"tracked.yaml:2: report_to: unknown key; did you mean trackers\?"),
        ("trackers: [mlfow]", r"tracked.yaml:2: trackers: there is no tracker mlfow; did you mean mlflow\?"),
        ("trackers: {wandb: {mode: onlin}}", r"tracked.yaml:2: trackers.wandb.mode"),
    ],
)
def test_other_names_get_a_hint(work: Path, posttrain: Posttrain, line: str, hint: str) -> None:
    text = RECIPE.format(trackers="[]").replace("trackers: []", line)
    (work / "tracked.yaml").write_text(text)
    answer = posttrain("validate", "tracked.yaml")
    assert answer.code == 2
    assert re.search(hint, answer.err)


def test_trackers_may_be_names_or_a_mapping_and_are_written_back_as_they_are_read() -> None:
    named = TrackersOptions.model_validate(["tensorboard", "wandb"])
    assert [name for name, _ in named.chosen()] == ["tensorboard", "wandb"]
    assert dict(TrackersOptions.model_validate({"tensorboard": None}).chosen()) == {"tensorboard": TensorboardOptions()}
    given = TrackersOptions(trackio=TrackioOptions(project="p"))
    assert given.model_dump() == {"trackio": {"project": "p", "space": None}}
    assert TrackersOptions.model_validate(given.model_dump()) == given
