"""A training command re-executes itself with malloc settings, in the same process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.malloc import SETTINGS

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or Path("/dev/nvidiactl").exists(), reason="glibc on a machine without a GPU"
)

PROBE = """
import os, sys
from posttrain.malloc import settle_heap
settle_heap()
print(os.getpid(), os.environ.get("GLIBC_TUNABLES"), sys.argv[1:], sys.stdin.read(), sep="|")
"""
HOLES = """
import psutil, torch
from posttrain.malloc import return_large_blocks, settle_heap
settle_heap()

def resident():
    return psutil.Process().memory_info().rss >> 20

def holes():
    blocks = [torch.ones(1 << 19) for _ in range(200)]  # of two mebibytes
    del blocks[::2]
    return blocks

before = resident()
kept = holes()
print(resident() - before)
return_large_blocks()
print(resident() - before)
more = holes()
print(resident() - before)
"""
OWN = "glibc.malloc.trim_threshold=131072"


def run(script: Path, *arguments: str, typed: str = "", **environment: str) -> tuple[int, str]:
    """Process id and what the script printed."""
    clean = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env={**clean, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    out, _ = process.communicate(typed)
    assert process.returncode == 0
    return process.pid, out.strip()


def test_process_arguments_and_input_stay(tmp_path: Path) -> None:
    script = tmp_path / "probe.py"
    script.write_text(PROBE)
    pid, out = run(script, "run", "a b", typed="typed")
    assert out == f"{pid}|{SETTINGS}|['run', 'a b']|typed"


def test_large_blocks_go_back_to_the_system_when_they_are_free(tmp_path: Path) -> None:
    script = tmp_path / "holes.py"
    script.write_text(HOLES)
    kept, returned, more = (round(int(line) / 200) for line in run(script)[1].split())
    assert (kept, returned, more) == (2, 1, 2), "MiB for each of 200 blocks: the settings keep free ones"


def test_a_setting_of_the_user_s_own_stays(tmp_path: Path) -> None:
    script = tmp_path / "probe.py"
    script.write_text(PROBE)
    pid, out = run(script, GLIBC_TUNABLES=OWN)
    assert out == f"{pid}|{OWN}|[]|"


def test_only_commands_that_train_are_re_executed(tmp_path: Path) -> None:
    seen = []
    for command in ("run", "plan"):
        script = tmp_path / f"{command}.py"
        script.write_text(
            "import os\nfrom posttrain import __main__ as entry\n"
            "entry.main = lambda: print(os.environ.get('GLIBC_TUNABLES'))\nentry.program()\n"
        )
        seen.append(run(script, command)[1])
    assert seen == [SETTINGS, "None"]
