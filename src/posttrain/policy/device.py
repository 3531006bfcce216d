"""Where and in which precision a model runs: asked of the machine, not guessed from its name."""

import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from posttrain.errors import InputError
from posttrain.files import write_json
from posttrain.policy.options import PlaceOptions


@dataclass(frozen=True, slots=True)
class Placement:
    """Device of the weights, dtype of matrix products (None: the weights' own), dtype of a frozen base."""

    device: str
    autocast: torch.dtype | None
    frozen: torch.dtype


def place(options: PlaceOptions) -> Placement:
    """Resolve ``device: auto`` and ``precision: auto``.

    Raises:
        InputError: a device that is not there, or one that does no bfloat16.
    """
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device: {device} is asked for, but PyTorch finds no CUDA GPU here; say `device: cpu` or auto"
        )
    half = options.precision == "bfloat16" or (options.precision == "auto" and bfloat16_is_fast(device))
    return Placement(device, torch.bfloat16 if half else None, torch.bfloat16 if half else torch.float32)


def bfloat16_is_fast(device: str) -> bool:
    """Whether bfloat16 matrix products beat float32's here; on a CPU measured once and cached."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    path = cache_folder() / "matmul.json"
    key = machine()
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        known = {}
    if key not in known:
        speeds = {str(dtype)[6:]: matmul_speed(dtype) for dtype in (torch.float32, torch.bfloat16)}
        known = {**known, key: speeds}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, known)
    return known[key]["bfloat16"] > 1.5 * known[key]["float32"]


def matmul_speed(dtype: torch.dtype, size: int = 384, repeats: int = 50) -> float:
    """GFLOP/s of the best of many square matrix products on the CPU: another program may be in the way of most."""
    a, b = (torch.ones(size, size, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        _ = a @ b
        best = min(best, time.perf_counter() - started)
    return round(2 * size**3 / best / 1e9, 1)


def cache_folder() -> Path:
    """``POSTTRAIN_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("POSTTRAIN_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "posttrain"


def machine() -> str:
    """Processor and version of torch: what a measurement holds for."""
    return f"{_processor()} torch {torch.__version__}"


def _processor() -> str:
    """The CPU's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
