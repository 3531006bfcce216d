"""The machine's matrix-product peak: best of a few large products, GFLOP/s by dtype, as JSON."""

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


if __name__ == "__main__":
    print(json.dumps({"float32": peak(torch.float32), "bfloat16": peak(torch.bfloat16)}))
