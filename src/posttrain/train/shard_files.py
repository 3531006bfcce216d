"""Checkpoints of a policy in shards: every rank writes its own shards, and any number of ranks reads them.

It uses torch's distributed checkpoint with safetensors files alone. Its usual metadata file is a pickle.
"""

from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from posttrain.train.optimizer import Trained


def save_shards(folder: Path, trained: Trained) -> None:
    """Write weights and moments. All ranks call it."""
    try:
        save(_tensors(trained), storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
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
