"""The training loop: resuming, held-out sets, early stopping, divergence."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posttrain.core.group import Completion, Group
from posttrain.errors import RunError, Stopped
from posttrain.objectives.sft import SFT
from posttrain.policy.load import Policy, load_policy
from posttrain.train.batches import DatasetBatches, shuffled
from posttrain.train.loop import Callbacks, Training, train_policy
from posttrain.train.options import TrainOptions

OPTIONS = TrainOptions(epochs=4, batch_size=4, learning_rate=1e-2, save_every=5, eval_every=3)


def training(policy: Policy, groups: list[Group], folder: Path, options: TrainOptions = OPTIONS) -> Training:
    source = DatasetBatches(groups, [g.size for g in groups], shuffled(len(groups), 0), batch_size=options.batch_size)
    return Training(policy, source, SFT, options, folder, {"validation": groups[:5]})


def weights(policy: Policy) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in policy.model.parameters()]


def stop_at(step: int) -> Callbacks:
    done = [0]
    return Callbacks(on_step=lambda n, total, values: done.__setitem__(0, n), stop=lambda: done[0] >= step)


@pytest.mark.parametrize("cut", [1, 5, 7, 23])
def test_stopped_anywhere_it_resumes_to_the_same_bytes(
    cut: int, model: Path, groups: list[Group], tmp_path: Path
) -> None:
    whole, first, second = (load_policy(str(model)) for _ in range(3))
    train_policy(training(whole, groups, tmp_path / "whole"))
    with pytest.raises(Stopped, match=f"step {cut} of 24"):
        train_policy(training(first, groups, tmp_path / "cut"), stop_at(cut))
    train_policy(training(second, groups, tmp_path / "cut"))
    assert weights(second) == weights(whole)
    assert weights(first) != weights(whole)
    lines = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "cut")]
    timeless = [[{**json.loads(line), "tokens_per_second": 0, "time": ""} for line in some] for some in lines]
    assert timeless[0] == timeless[1]


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(
    model: Path, groups: list[Group], tmp_path: Path
) -> None:
    whole, first, second = (load_policy(str(model)) for _ in range(3))
    train_policy(training(whole, groups, tmp_path / "whole"))
    with pytest.raises(Stopped):
        train_policy(training(first, groups, tmp_path / "cut"), stop_at(12))
    newest = tmp_path / "cut/checkpoints/step-00000012/weights.safetensors"
    raw = bytearray(newest.read_bytes())
    raw[-1] ^= 1
    newest.write_bytes(raw)
    notes: list[str] = []
    train_policy(training(second, groups, tmp_path / "cut"), Callbacks(on_note=notes.append))
    assert "step-00000012: " in notes[0]
    assert "damaged" in notes[0]
    assert weights(second) == weights(whole)


def test_only_the_newest_checkpoints_are_kept(policy: Policy, groups: list[Group], tmp_path: Path) -> None:
    train_policy(training(policy, groups, tmp_path))
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00000020", "step-00000024"]


def test_patience_stops_and_restores_the_best_weights(policy: Policy, groups: list[Group], tmp_path: Path) -> None:
    diverging = OPTIONS.model_copy(
        update={"learning_rate": 0.5, "patience": 2, "schedule": "constant", "eval_every": 1}
    )
    state, left = train_policy(training(policy, groups, tmp_path, diverging))
    assert state.step < 24
    assert left["eval_loss"].value == pytest.approx(state.best_loss, abs=1e-6)
    losses = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    measured = {line["step"]: line["eval_loss"] for line in losses if "eval_loss" in line}
    assert state.best_step == min(measured, key=lambda step: measured[step])
    from posttrain.train.step import evaluate

    assert evaluate(policy, SFT, groups[:5], 2048)["loss"].value == pytest.approx(state.best_loss, abs=1e-6)


def poisoned(groups: list[Group], spoil: Callable[[Group], Group]) -> list[Group]:
    return [*groups[:-1], spoil(groups[-1])]


def test_a_loss_that_is_not_finite_names_its_row_and_keeps_the_weights(
    policy: Policy, groups: list[Group], tmp_path: Path
) -> None:
    embedding = policy.base.get_input_embeddings().weight
    policy.base.lm_head.weight = torch.nn.Parameter(embedding.detach().clone())  # the logits stay finite
    with torch.no_grad():
        embedding[70] = float("nan")
    answer = Completion(np.array([9], np.int32), np.ones(1, bool))
    columns = {"rank": np.ones(1, np.float32), "ref_logp": np.zeros(1, np.float32)}
    poison = Group("data.jsonl:666", np.array([1, 70], np.int32), (answer,), columns)
    before = weights(policy)
    with pytest.raises(RunError, match=r"Worst rows: data\.jsonl:666\."):
        train_policy(training(policy, [*groups[:3], poison], tmp_path, replace_options(batch_size=4)))
    assert weights(policy) == before


def replace_options(**changes: object) -> TrainOptions:
    return OPTIONS.model_copy(update=changes)


def test_a_jump_of_the_loss_stops_with_the_worst_rows_named(
    policy: Policy, groups: list[Group], tmp_path: Path
) -> None:
    easy = [replace(groups[0], where=f"easy:{n}") for n in range(40)]
    hard = replace(groups[1], where="hard:1")
    source = DatasetBatches([*easy, hard], [g.size for g in [*easy, hard]], lambda epoch: range(41), batch_size=1)
    options = replace_options(epochs=1, learning_rate=0.02, max_loss_jump=0.5, warmup=0.0, schedule="constant")
    with pytest.raises(RunError, match=r"step 41: the loss jumped .* hard:1"):
        train_policy(Training(policy, source, SFT, options, tmp_path))


def test_row_tokens_change_memory_not_the_result(model: Path, groups: list[Group], tmp_path: Path) -> None:
    few, many = (load_policy(str(model)) for _ in range(2))
    train_policy(training(few, groups, tmp_path / "few", replace_options(row_tokens=16)))
    train_policy(training(many, groups, tmp_path / "many", replace_options(row_tokens=4096)))
    for a, b in zip(few.model.parameters(), many.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-3)
