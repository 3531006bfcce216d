"""AdamW with moments in 8 bits: it follows AdamW, takes a quarter of its memory, and a checkpoint holds all of it."""

import sys
from pathlib import Path

import pytest
import torch

from posttrain.core.group import Group
from posttrain.errors import InputError, Stopped
from posttrain.objectives.sft import SFT
from posttrain.policy.load import Policy, load_policy
from posttrain.train.adamw8bit import moments_of, set_moments
from posttrain.train.batches import DatasetBatches, shuffled
from posttrain.train.loop import Callbacks, Training, train_policy
from posttrain.train.optimizer import Kind, adamw
from posttrain.train.options import TrainOptions
from tiny_models import BRANCHING, COMMON, save_model

WIDE = {**BRANCHING["llama"], **COMMON, "hidden_size": 64, "intermediate_size": 128}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("wide") / "model", WIDE)


def training(policy: Policy, groups: list[Group], folder: Path, kind: Kind) -> Training:
    options = TrainOptions(epochs=4, batch_size=4, learning_rate=1e-3, save_every=5, eval_every=3, optimizer=kind)
    source = DatasetBatches(groups, [g.size for g in groups], shuffled(len(groups), 0), batch_size=options.batch_size)
    return Training(policy, source, SFT, options, folder, {"validation": groups[:5]})


def weights(policy: Policy) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in policy.model.parameters()]


def stop_at(step: int) -> Callbacks:
    done = [0]
    return Callbacks(on_step=lambda n, total, values: done.__setitem__(0, n), stop=lambda: done[0] >= step)


def optimizer_of(parameters: dict[str, torch.nn.Parameter], kind: Kind) -> torch.optim.Optimizer:
    return adamw(parameters.items(), kind=kind, learning_rate=1e-3, weight_decay=0.01, betas=(0.9, 0.999), epsilon=1e-8)


@pytest.mark.parametrize("cut", [1, 7])
def test_stopped_anywhere_it_resumes_to_the_same_bytes(
    cut: int, model: str, groups: list[Group], tmp_path: Path
) -> None:
    whole, first, second = (load_policy(model) for _ in range(3))
    train_policy(training(whole, groups, tmp_path / "whole", "adamw8bit"))
    with pytest.raises(Stopped):
        train_policy(training(first, groups, tmp_path / "cut", "adamw8bit"), stop_at(cut))
    train_policy(training(second, groups, tmp_path / "cut", "adamw8bit"))
    assert weights(second) == weights(whole)


def test_it_learns_as_adamw_does(model: str, groups: list[Group], tmp_path: Path) -> None:
    losses: dict[Kind, float] = {}
    policies: dict[Kind, Policy] = {}
    for kind in ("adamw", "adamw8bit"):
        policies[kind] = load_policy(model)
        _, measured = train_policy(training(policies[kind], groups, tmp_path / kind, kind))
        losses[kind] = measured["eval_loss"].value or 0.0
    assert weights(policies["adamw"]) != weights(policies["adamw8bit"])
    assert losses["adamw8bit"] == pytest.approx(losses["adamw"], rel=0.02)


def test_moments_take_two_bytes_a_weight() -> None:
    parameter = torch.nn.Parameter(torch.randn(512, 256, generator=torch.Generator().manual_seed(0)))
    parameter.grad = torch.ones_like(parameter)
    taken: dict[Kind, int] = {}
    for kind in ("adamw", "adamw8bit"):
        optimizer = optimizer_of({"w": parameter}, kind)
        optimizer.step()
        taken[kind] = sum(t.nbytes for t in optimizer.state[parameter].values() if isinstance(t, torch.Tensor))
    assert taken["adamw"] == pytest.approx(8 * parameter.numel(), rel=0.01)
    assert taken["adamw8bit"] == pytest.approx(2 * parameter.numel(), rel=0.05)


def test_a_small_parameter_keeps_float32_moments_through_a_checkpoint() -> None:
    parameter = torch.nn.Parameter(torch.randn(16, generator=torch.Generator().manual_seed(0)))
    parameter.grad = torch.ones_like(parameter)
    first, second = (optimizer_of({"w": parameter}, "adamw8bit") for _ in range(2))
    first.step()
    saved = moments_of(first, parameter)
    assert {key: value.dtype for key, value in saved.items() if key != "step"} == {
        "state1": torch.float32,
        "state2": torch.float32,
    }
    set_moments(second, parameter, saved)
    assert second.state[parameter]["step"] == 1
    assert torch.equal(second.state[parameter]["state1"], first.state[parameter]["state1"])


def test_without_bitsandbytes_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim.adamw", None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"pip install 'posttrain\[bitsandbytes\]'"):
        optimizer_of({"w": torch.nn.Parameter(torch.zeros(4))}, "adamw8bit")
