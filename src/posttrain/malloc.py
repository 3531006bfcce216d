"""glibc malloc settings for tensors on CPUs: large blocks stay in the heap, or each is returned once it is free.

PyTorch allocates blocks at addresses divisible by 64. For each, glibc takes a slightly larger block and frees the rest
into caches of small blocks, which never merge with their neighbours. So the hole that a tensor leaves is always a few
bytes too small for the next tensor of its size, and the heap grows. Without these caches, holes merge and are reused.

glibc also returns large free blocks to the system, which later gives them out again page by page, zeroed. That took a
fifth of the time of a bfloat16 step of a model with 0.5B parameters. With few holes it is not necessary.

glibc reads these settings only when a process starts, so the program executes itself once more.

Weights in shards allocate and free every layer's weights between the tensors of a pass, which leaves holes of all
sizes. So a process with shards returns its large blocks (`return_large_blocks`), which takes time, but less memory.
"""

import ctypes
import os
import sys
from pathlib import Path

SETTINGS = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "tcache_count": 0,  # makes the tokenizer a tenth slower
        "mxfast": 0,
        "mmap_threshold": 1 << 30,
        "trim_threshold": 1 << 34,
    }.items()
)
"""The value of GLIBC_TUNABLES."""

_VARIABLE = "GLIBC_TUNABLES"
_M_MMAP_THRESHOLD = -3  # malloc.h


def settle_heap() -> None:
    """Re-execute this program once with these settings: process id, arguments and open files stay the same.

    Nothing happens with another C library, on a machine with an NVIDIA GPU (whose memory torch manages itself), or if
    the user has set ``GLIBC_TUNABLES``.
    """
    if _VARIABLE in os.environ or not _has_glibc() or Path("/dev/nvidiactl").exists():
        return
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _VARIABLE: SETTINGS})


def return_large_blocks() -> None:
    """Return the heap's free pages to the system now, and from now on each block of a mebibyte or more once it is free.

    This holds for the rest of the process, and so for the stages after one with shards. Where `settle_heap` did
    nothing, this does nothing.
    """
    if os.environ.get(_VARIABLE) == SETTINGS:
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        libc.malloc_trim(0)


def _has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):  # Windows, macOS, musl
        return False
