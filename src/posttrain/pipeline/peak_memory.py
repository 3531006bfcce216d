"""The peak memory of a stage: of the GPU if one is in use, else of this process as Linux counts it."""

import re
from contextlib import suppress
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def reset_peak_memory() -> None:
    """Restart the count at the memory that is in use."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        _RESET.write_text("5")  # "5" resets the peak resident set size; see proc(5)


def peak_memory_bytes() -> int | None:
    """Bytes at the peak since the last reset; None where the system does not count them."""
    if torch.cuda.is_available() and (peak := torch.cuda.max_memory_allocated()):
        return peak
    with suppress(OSError):
        match = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
        if match is not None:
            return 1024 * int(match[1])
    return None
