"""Model folders, made once per session. The tests run in one thread, which is fastest for tiny tensors."""

from collections.abc import Callable

import pytest
import torch

from tiny_models import BRANCHING, LONE, save_model

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The model folder of an architecture in `tiny_models`, made when it is first needed."""
    made: dict[str, str] = {}

    def build(name: str) -> str:
        if name not in made:
            made[name] = save_model(tmp_path_factory.mktemp("model"), (BRANCHING | LONE)[name])
        return made[name]

    return build
