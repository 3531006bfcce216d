"""Device and precision follow from the machine."""

import json
from pathlib import Path

import pytest
import torch

from posttrain.errors import InputError
from posttrain.policy import device
from posttrain.policy.options import PolicyOptions


def test_auto_takes_bfloat16_only_where_it_was_measured_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTTRAIN_CACHE", str(tmp_path))
    for speeds, wanted in (
        ({"float32": 100.0, "bfloat16": 480.0}, True),
        ({"float32": 100.0, "bfloat16": 90.0}, False),
    ):
        (tmp_path / "matmul.json").write_text(json.dumps({device.machine(): speeds}))
        assert device.bfloat16_is_fast("cpu") is wanted
        chosen = device.place(PolicyOptions(device="cpu"))
        assert (chosen.autocast == torch.bfloat16) is wanted


def test_it_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTTRAIN_CACHE", str(tmp_path))
    calls: list[torch.dtype] = []
    monkeypatch.setattr(device, "matmul_speed", lambda dtype: calls.append(dtype) or 1.0)
    assert not device.bfloat16_is_fast("cpu")
    assert not device.bfloat16_is_fast("cpu")
    assert calls == [torch.float32, torch.bfloat16]


def test_a_missing_gpu_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="finds no CUDA GPU"):
        device.place(PolicyOptions(device="cuda"))
