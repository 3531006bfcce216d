"""Checkpoints of the whole state of training. They are written atomically and verified before they are read.

A folder ``step-00000120`` holds ``weights.safetensors`` (the trained parameters: all of them, or the adapter),
``optimizer.safetensors``, ``state.json`` and ``hashes.json``. The schedule and the order of the data are functions of
the step number and need no state.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from posttrain.files import is_sound, seal, whole_folder, write_json

_WEIGHTS, _OPTIMIZER, _STATE = "weights.safetensors", "optimizer.safetensors", "state.json"


@dataclass(frozen=True, slots=True)
class State:
    """The progress of a run, apart from tensors.

    Args:
        step: optimiser steps done.
        log_bytes: length of ``metrics.jsonl`` after that step.
        best_loss: the lowest validation loss so far (the negated metric if higher is better); None before the first.
        best_step: the step with that loss.
        unimproved: the number of evaluations since that step.
        losses: losses of the last steps; `divergence.check_loss` compares the next one with them.
    """

    step: int = 0
    log_bytes: int = 0
    best_loss: float | None = None
    best_step: int = 0
    unimproved: int = 0
    losses: tuple[float, ...] = ()


def trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The trained parameters by name, with tied parameters once."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def save_checkpoint(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: State, *, keep: int
) -> int:
    """Write ``folder/step-N`` atomically, then delete all but the newest `keep` checkpoints.

    Returns:
        the step of the oldest checkpoint that is kept.
    """
    parameters = trained(model)
    with whole_folder(folder / f"step-{state.step:08d}") as target:
        save_weights(target / _WEIGHTS, model)
        moments = {
            f"{name}/{key}": value.detach()
            for name, parameter in parameters.items()
            for key, value in optimizer.state[parameter].items()
        }
        save_file(_owned({**moments, "rng": torch.get_rng_state()}), target / _OPTIMIZER)
        write_json(target / _STATE, asdict(state))
        seal(target)
    for old in _steps(folder)[keep:]:
        shutil.rmtree(old)
    return int(_steps(folder)[-1].name[5:])


def load_checkpoint(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> tuple[State, list[str]]:
    """Load the newest undamaged checkpoint into `model` and `optimizer`.

    Returns:
        its state (the initial state if there is no checkpoint), and a sentence on each damaged checkpoint.
    """
    damage: list[str] = []
    for candidate in _steps(folder):
        if not is_sound(candidate):
            damage.append(f"{candidate}: this checkpoint is damaged (a hash differs), so the one before it is used")
            continue
        load_weights(candidate / _WEIGHTS, model)
        _load_optimizer(candidate / _OPTIMIZER, model, optimizer)
        saved: dict[str, Any] = json.loads((candidate / _STATE).read_text())
        saved["losses"] = tuple(saved["losses"])
        return State(**saved), damage
    return State(), damage


def weights_hash(model: torch.nn.Module) -> str:
    """A hash of the trained parameters."""
    digest = hashlib.blake2b()
    for parameter in trained(model).values():
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_weights(path: Path, model: torch.nn.Module) -> None:
    """Write the trained parameters."""
    save_file(_owned({name: p.detach() for name, p in trained(model).items()}), path)


@torch.no_grad()
def load_weights(path: Path, model: torch.nn.Module) -> None:
    """Read the parameters that `save_weights` wrote."""
    saved = load_file(path)
    for name, parameter in trained(model).items():
        parameter.copy_(saved[name])


def _load_optimizer(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    saved = load_file(path)
    torch.set_rng_state(saved.pop("rng"))
    for name, parameter in trained(model).items():
        prefix = f"{name}/"
        moments = {key[len(prefix) :]: value for key, value in saved.items() if key.startswith(prefix)}
        optimizer.state[parameter] = {key: value.to(parameter.device) for key, value in moments.items()}


def _steps(folder: Path) -> list[Path]:
    """The folders of checkpoints, newest first."""
    return sorted((p for p in folder.glob("step-*") if p.name[5:].isdigit()), reverse=True)


def _owned(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
