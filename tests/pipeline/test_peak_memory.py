"""The peak memory of a stage."""

import numpy as np
import pytest

from posttrain.pipeline.peak_memory import peak_memory_bytes, reset_peak_memory


def test_the_peak_rises_with_an_array_and_falls_after_a_reset() -> None:
    reset_peak_memory()
    before = peak_memory_bytes()
    if before is None:
        pytest.skip("this system does not count a process's peak memory")
    size = 200_000_000
    array = np.ones(size, dtype=np.uint8)
    risen = peak_memory_bytes()
    assert risen is not None
    assert size * 0.9 < risen - before < size * 1.3
    del array
    reset_peak_memory()
    after = peak_memory_bytes()
    assert after is not None
    assert after < risen - size / 2
