"""A model small enough to train in a test, and a working directory of its own."""

from pathlib import Path

import pytest
import torch

from byte_model import save_byte_model

torch.set_num_threads(1)  # threads slow down work on tiny tensors


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("small") / "model")


@pytest.fixture
def work(tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the model."""
    (tmp_path / "model").symlink_to(small_model)
    monkeypatch.chdir(tmp_path)
    return tmp_path
