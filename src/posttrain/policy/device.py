"""The device and precision that a model runs in. They are measured on the machine, not guessed from its name."""

import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from posttrain.errors import InputError
from posttrain.files import locked_cache, write_json
from posttrain.policy.options import PlaceOptions


@dataclass(frozen=True, slots=True)
class Placement:
    """The device, the dtype of matrix products (None: that of the weights), and the dtype of a frozen base."""

    device: str
    autocast: torch.dtype | None
    frozen: torch.dtype


def place(options: PlaceOptions) -> Placement:
    """The device and dtypes that the options choose; ``auto`` is resolved for this machine.

    Raises:
        InputError: the device is not available.
    """
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device: {device}, but PyTorch finds no CUDA GPU; set `device: cpu` or auto")
    half = options.precision == "bfloat16" or (options.precision == "auto" and bfloat16_is_fast(device))
    return Placement(device, torch.bfloat16 if half else None, torch.bfloat16 if half else torch.float32)


def bfloat16_is_fast(device: str) -> bool:
    """Whether matrix products are faster in bfloat16 than in float32; on a CPU this is measured once and cached."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    path = cache_folder() / "matmul.json"
    key = machine()
    speeds = _known_speeds(path).get(key)
    if speeds is None:
        with locked_cache(path):  # so that two runs do not measure at the same time
            known = _known_speeds(path)
            if key not in known:
                known[key] = {str(dtype)[6:]: matmul_speed(dtype) for dtype in (torch.float32, torch.bfloat16)}
                write_json(path, known)
        speeds = known[key]
    return speeds["bfloat16"] > 1.5 * speeds["float32"]


def _known_speeds(path: Path) -> dict[str, dict[str, float]]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def matmul_speed(dtype: torch.dtype, size: int = 384, repeats: int = 50) -> float:
    """GFLOP/s of the fastest of many square matrix products on the CPU. Other programs may slow most of them."""
    a, b = (torch.ones(size, size, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        _ = a @ b
        best = min(best, time.perf_counter() - started)
    return round(2 * size**3 / best / 1e9, 1)


def cache_folder() -> Path:
    """The folder in ``POSTTRAIN_CACHE``; if it is not set, posttrain's folder in the user's cache."""
    chosen = os.environ.get("POSTTRAIN_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "posttrain"


def machine() -> str:
    """Processor and torch version, the key of a measurement."""
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
