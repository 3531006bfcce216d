"""The machine's limits as JSON: matrix products, GFLOP/s by dtype; reading memory, GB/s. The best of a few tries."""

import json
import time

import torch

SIZE = 2048


def peak(dtype: torch.dtype, seconds: float = 3.0) -> float:
    """Best GFLOP/s seen within about so many seconds."""
    a, b = torch.randn(SIZE, SIZE).to(dtype), torch.randn(SIZE, SIZE).to(dtype)
    best, end = 0.0, time.perf_counter() + seconds
    while best == 0.0 or time.perf_counter() < end:
        started = time.perf_counter()
        a @ b
        best = max(best, 2 * SIZE**3 / (time.perf_counter() - started) / 1e9)
    return best


def bandwidth(seconds: float = 2.0) -> float:
    """Best GB/s seen when summing more than any cache holds."""
    x = torch.ones(64 * 2**20)
    best, end = 0.0, time.perf_counter() + seconds
    while best == 0.0 or time.perf_counter() < end:
        started = time.perf_counter()
        x.sum()
        best = max(best, 4 * len(x) / (time.perf_counter() - started) / 1e9)
    return best


if __name__ == "__main__":
    print(json.dumps({"float32": peak(torch.float32), "bfloat16": peak(torch.bfloat16), "bandwidth": bandwidth()}))
