"""The resources of this machine: total memory, free memory, and the speed of matrix products."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from posttrain.policy.device import bfloat16_is_fast, matmul_speed

_REPEATS = 5
"""The number of measurements. The best one counts, since other programs may slow some of them."""

_CONTAINER = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
"""Linux's files with a container's limit, its use, and the part of its use that is cached files (cgroups v2, v1)."""


def total_memory() -> int:
    """Bytes of main memory, or of a container's limit if that is smaller."""
    return min(psutil.virtual_memory().total, *(limit for limit, _ in container_limits(Path("/sys/fs/cgroup"))))


def free_memory(device: str) -> int:
    """Bytes that a new process can use: of a GPU's memory, or of main memory within a container's limit."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    left = (max(0, limit - used) for limit, used in container_limits(Path("/sys/fs/cgroup")))
    return min(psutil.virtual_memory().available, *left)


def speed(device: str) -> float:
    """Measured FLOP/s of matrix products on a device."""
    return _gpu_speed() if device.startswith("cuda") else _cpu_speed()


def container_limits(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, bytes in use that cannot be freed) of each limit of the container; the last item is no limit."""
    for limit, used, cached in _CONTAINER:
        try:
            most, used_bytes = (int((root / name).read_text()) for name in (limit, used))
            lines = (line.split() for line in (root / limit).with_name("memory.stat").read_text().splitlines())
            yield most, used_bytes - next((int(value) for name, value in lines if name == cached), 0)
        except (OSError, ValueError):  # no container, or one without a limit
            continue
    yield 1 << 62, 0


def _cpu_speed() -> float:
    """FLOP/s of all cores, from one core. Several would wait for each other while another program uses one."""
    dtype = torch.bfloat16 if bfloat16_is_fast("cpu") else torch.float32
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return max(matmul_speed(dtype) for _ in range(_REPEATS)) * 1e9 * threads
    finally:
        torch.set_num_threads(threads)


def _gpu_speed() -> float:
    """FLOP/s of square bfloat16 products."""
    a = torch.ones(4096, 4096, dtype=torch.bfloat16, device="cuda")
    best = float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        started = time.perf_counter()
        _ = a @ a
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * 4096**3 / best
