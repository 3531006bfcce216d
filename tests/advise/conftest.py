"""Models to advise on: small enough to train, with a chat template (it answers) and without (a base model)."""

from pathlib import Path

import pytest
import torch

from byte_model import save_byte_model

torch.set_num_threads(1)  # on tiny tensors threads only wait for each other


@pytest.fixture(scope="session")
def instruct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("instruct") / "model")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("base") / "model", template=None)
