"""Free memory is main memory within the limit of the process's container."""

from pathlib import Path

import psutil
import pytest

from posttrain.policy import machine

GIB = 2**30
VERSIONS = {
    "cgroups v2": (".", "memory.max", "memory.current", "inactive_file"),
    "cgroups v1": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_containers_limit_counts_and_its_cached_files_do_not(version: str, tmp_path: Path) -> None:
    folder, limit, used, cached = VERSIONS[version]
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    (place / limit).write_text(f"{4 * GIB}\n")
    (place / used).write_text(f"{3 * GIB}\n")
    (place / "memory.stat").write_text(f"anon {GIB}\n{cached} {2 * GIB}\n")
    most, busy = next(machine.container_limits(tmp_path))
    assert (most, busy) == (4 * GIB, GIB)


def test_without_a_limit_the_machines_memory_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1\n")
    assert all(most - busy > psutil.virtual_memory().total for most, busy in machine.container_limits(tmp_path))
    assert 0 < machine.free_memory("cpu") <= machine.total_memory() <= psutil.virtual_memory().total
