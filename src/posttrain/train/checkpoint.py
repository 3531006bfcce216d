"""Checkpoints of the whole state of training. They are written atomically and verified before they are read.

A folder ``step-00000120`` holds ``weights.safetensors`` (the trained parameters: all of them, or the adapter),
``optimizer.safetensors``, ``state.json`` and ``hashes.json``. Of a policy in shards it holds a folder ``shards`` in
place of the first two. The schedule and the order of the data are functions of the step number and need no state.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from posttrain.files import PARTIAL, is_sound, partial_folder, seal, whole_folder, write_json
from posttrain.policy.load import Policy
from posttrain.policy.shard import Parameters, own_part, whole_weights
from posttrain.ranks.exchange import on_main, same_everywhere
from posttrain.ranks.group import is_main, size
from posttrain.train.optimizer import Trained, set_state, state_of

_WEIGHTS, _OPTIMIZER, _STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
_SHARDS = "shards"


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


def save_checkpoint(folder: Path, trained: Trained, state: State, *, keep: int) -> int:
    """Write ``folder/step-N`` atomically, then delete all but the newest `keep` checkpoints. All ranks call it.

    Returns:
        the step of the oldest checkpoint that is kept.

    Raises:
        RunError: the ranks do not have the same weights.
    """
    target = folder / f"step-{state.step:08d}"
    if trained.policy.shards is None:
        if size() > 1:
            same_everywhere("the weights", _hash(trained.parameters))
        on_main(lambda: _save_whole(target, trained, state))
    else:
        with whole_folder(target) if is_main() else nullcontext(partial_folder(target)) as place:
            on_main(lambda: None)  # the folder is there
            _shard_files().save_shards(place / _SHARDS, trained)
            if is_main():
                _seal(place, state)
        on_main(lambda: None)
    if is_main():
        for old in _steps(folder)[keep:]:
            shutil.rmtree(old)
    return on_main(lambda: int(_steps(folder)[-1].name[5:]))


def _shard_files():
    """The module for checkpoints in shards; it imports much of torch."""
    from posttrain.train import shard_files

    return shard_files


def _save_whole(target: Path, trained: Trained, state: State) -> None:
    with whole_folder(target) as place:
        save_file(_owned(trained.parameters), place / _WEIGHTS)
        moments = {
            f"{name}/{key}": value
            for name, parameter in trained.parameters.items()
            for key, value in state_of(trained.optimizer, parameter).items()
        }
        save_file(_owned({**moments, "rng": torch.get_rng_state()}), place / _OPTIMIZER)
        _seal(place, state)


def _seal(place: Path, state: State) -> None:
    write_json(place / _STATE, asdict(state))
    seal(place)


def load_checkpoint(folder: Path, trained: Trained) -> tuple[State, list[str]]:
    """Load the newest undamaged checkpoint; the number of ranks may have changed since. All ranks call it.

    Returns:
        its state (the initial state if there is no checkpoint), and a sentence on each damaged checkpoint.
    """
    newest, damage = on_main(lambda: _newest_sound(folder))
    if newest is None:
        return State(), damage
    if (newest / _SHARDS).is_dir():
        _shard_files().load_shards(newest / _SHARDS, trained)
    else:
        load_weights(newest / _WEIGHTS, trained.policy, trained.parameters)
        _load_optimizer(newest / _OPTIMIZER, trained)
    saved: dict[str, Any] = json.loads((newest / _STATE).read_text())
    saved["losses"] = tuple(saved["losses"])
    return State(**saved), damage


def _newest_sound(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest undamaged checkpoint, and a sentence on each newer one."""
    damage: list[str] = []
    for candidate in _steps(folder):
        if is_sound(candidate):
            return candidate, damage
        damage.append(f"{candidate}: this checkpoint is damaged (a hash differs), so the one before it is used")
    return None, damage


def save_weights(path: Path, policy: Policy) -> None:
    """Write the trained parameters atomically. All ranks call it."""
    tensors = whole_weights(policy)
    partial = path.with_name(path.name + PARTIAL)

    def write() -> None:
        save_file(_owned(tensors), partial)
        partial.replace(path)

    on_main(write)


@torch.no_grad()
def load_weights(path: Path, policy: Policy, parameters: Parameters) -> None:
    """Read the parameters that `save_weights` wrote. All ranks call it."""
    saved = load_file(path)
    for name, parameter in parameters.items():
        parameter.copy_(own_part(policy, name, saved[name]))


def _load_optimizer(path: Path, trained: Trained) -> None:
    saved = load_file(path)
    torch.set_rng_state(saved.pop("rng"))
    for name, parameter in trained.parameters.items():
        prefix = f"{name}/"
        moments = {key[len(prefix) :]: value for key, value in saved.items() if key.startswith(prefix)}
        own = {key: own_part(trained.policy, name, value) for key, value in moments.items()}
        set_state(trained.optimizer, parameter, own)


def _hash(parameters: Parameters) -> str:
    digest = hashlib.blake2b()
    for parameter in parameters.values():
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _steps(folder: Path) -> list[Path]:
    """The folders of checkpoints, newest first."""
    return sorted((p for p in folder.glob("step-*") if p.name[5:].isdigit()), reverse=True)


def _owned(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
