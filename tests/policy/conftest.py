"""Lets the tests of this folder import the helper modules beside `tests/conftest.py`, and keeps models built once."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
torch.set_num_threads(1)  # on tiny tensors threads only wait for each other


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The model folder of an architecture in `tiny_models`, made when first asked for."""
    from tiny_models import BRANCHING, LONE, save_model

    made: dict[str, str] = {}

    def build(name: str) -> str:
        if name not in made:
            made[name] = save_model(tmp_path_factory.mktemp("model"), (BRANCHING | LONE)[name])
        return made[name]

    return build
