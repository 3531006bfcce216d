"""A small policy and some groups to train it on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from byte_model import save_byte_model
from posttrain.core.group import Group
from posttrain.policy.load import Policy, load_policy
from structures import random_group

torch.set_num_threads(1)  # on tiny tensors threads only wait for each other


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("byte") / "model")


@pytest.fixture
def policy(model: Path) -> Policy:
    return load_policy(str(model))


@pytest.fixture
def groups() -> list[Group]:
    rng = np.random.default_rng(0)
    return [random_group(rng, 4, [int(rng.integers(3, 9))]) for _ in range(24)]
