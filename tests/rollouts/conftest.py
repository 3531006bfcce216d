"""One thread, since on tiny tensors threads only wait for each other; and no waiting for the disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from byte_model import save_byte_model
from posttrain import files

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Files are written, but not forced to the disk: hundreds of small rollouts would wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_sync", lambda path: None)
        yield


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("byte") / "model")
