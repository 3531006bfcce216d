"""Checkpoints of a policy in shards: every rank writes its own shards, and any number of ranks reads them.

It uses torch's distributed checkpoint with safetensors files alone. Its usual metadata file is a pickle.
"""

import json
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.checkpoint._hf_utils import CUSTOM_METADATA_KEY, SAVED_OFFSETS_KEY
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from posttrain.train.optimizer import Trained


class _Writer(HuggingFaceStorageWriter):
    """Writes a rank's tensors from where they are. torch's own writer copies all of them twice first."""

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        tensors: dict[str, Tensor] = {}
        places: dict[str, dict[str, list[int]]] = {}
        for item in plan.items:
            tensor = planner.resolve_data(item)
            assert isinstance(tensor, Tensor)
            assert item.tensor_data is not None
            tensors[item.index.fqn] = tensor.detach().cpu().contiguous()
            places[item.index.fqn] = {SAVED_OFFSETS_KEY: list(item.tensor_data.chunk.offsets)}
        if tensors:
            name = f"shard-{plan.storage_data['shard_index']:05d}.safetensors"
            save_file(tensors, Path(self.path) / name, metadata={CUSTOM_METADATA_KEY: json.dumps(places)})
        written: Future[list[WriteResult]] = Future()
        written.set_result([])  # only torch's metadata file needs them
        return written


def save_shards(folder: Path, trained: Trained) -> None:
    """Write weights and moments. All ranks call it."""
    try:
        save(_tensors(trained), storage_writer=_Writer(str(folder), save_distributed=True))
    except CheckpointException as error:  # no Exception, so that nobody else would catch it
        raise next(iter(error.failures.values()))[0] from error


@torch.no_grad()
def load_shards(folder: Path, trained: Trained) -> None:
    """Read weights and moments, into shards or into whole parameters. All ranks call it."""
    for parameter in trained.parameters.values():
        moments = {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
        trained.optimizer.state[parameter] = {"step": torch.zeros(()), **moments}
    reader = HuggingFaceStorageReader(str(folder))
    load(_tensors(trained), storage_reader=reader, no_dist=not dist.is_initialized())


def _tensors(trained: Trained) -> dict[str, Tensor]:
    """Weights and moments by name, as shards of the whole where they are divided."""
    weights, shards = dict(trained.policy.model.named_parameters()), trained.policy.shards
    tensors: dict[str, Tensor] = {}
    for name, parameter in trained.parameters.items():
        for key, own in {"weight": parameter.detach(), **trained.optimizer.state[parameter]}.items():
            tensors[f"{name}/{key}"] = own if shards is None else shards.like(weights[name].detach(), own)
    return tensors
