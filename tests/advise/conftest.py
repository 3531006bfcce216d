"""Models small enough to train: one with a chat template, which can answer, and a base model without."""

from pathlib import Path

import pytest
import torch

from byte_model import save_byte_model

torch.set_num_threads(1)  # threads slow down work on tiny tensors


@pytest.fixture(scope="session")
def instruct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("instruct") / "model")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("base") / "model", template=None)
