"""How the C library keeps tensors' memory on a CPU: settled by starting the program once more.

PyTorch asks glibc for blocks at addresses divisible by 64. glibc takes a little more than was asked and frees what
stands over, into caches of small blocks that never merge with their neighbours; so a tensor's hole is always a few
bytes too small for the next tensor of its size, and the heap grows by holes. Without those caches holes merge and are
used again. They can only be switched off before a process starts.
"""

import os
import sys
from pathlib import Path

WITHOUT_SMALL_CACHES = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"
"""Costs a tenth of the tokeniser's speed; training's does not change."""

_VARIABLE = "GLIBC_TUNABLES"


def settle_heap() -> None:
    """Start this program anew, once, with the small caches off: the same process, arguments and open files.

    Does nothing where it would not help: another C library, a machine with an NVIDIA GPU (whose memory torch keeps
    itself), or a user who has set ``GLIBC_TUNABLES``.
    """
    if _VARIABLE in os.environ or not _has_glibc() or Path("/dev/nvidiactl").exists():
        return
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _VARIABLE: WITHOUT_SMALL_CACHES})


def _has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):  # Windows, macOS, musl
        return False
