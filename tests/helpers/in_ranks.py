"""Functions that run in several processes, as the ranks of one group."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch

from posttrain.ranks.group import group, parallel


def in_ranks(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What `work` returns on each rank. It must be a function of a module, so that a new process can import it.

    An exception of a rank is returned in place of its result.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        ranks = [pool.submit(_on_rank, number, count, port, work, arguments) for number in range(count)]
        return [rank.exception() or rank.result() for rank in ranks]


def _on_rank(number: int, count: int, port: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with group(), parallel():
        return work(*arguments)
