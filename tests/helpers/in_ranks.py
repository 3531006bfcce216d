"""Functions that run in several processes, as the ranks of one group."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch

from posttrain.ranks.group import group, parallel

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["torch", "posttrain.ranks.group"])
"""A process that has imported torch once, and of which every rank is a fork: importing takes seconds."""


def in_ranks(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What `work` returns on each rank. It must be a function of a module, so that a new process can import it.

    An exception of a rank is returned in place of its result.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = os.environ | {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    variables |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with ProcessPoolExecutor(count, mp_context=FORKSERVER) as pool:
        ranks = [pool.submit(_on_rank, variables | {"RANK": str(number)}, work, arguments) for number in range(count)]
        return [rank.exception() or rank.result() for rank in ranks]


def _on_rank(variables: dict[str, str], work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    os.environ.update(variables)
    torch.set_num_threads(1)
    with group(), parallel():
        return work(*arguments)
