"""A hub cache that holds tiny models under the names that the pages use, so that their commands run unchanged."""

from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import _cache_manager

from byte_model import save_byte_model

MODELS = ("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-360M-Instruct")
REVISION = "0" * 40

torch.set_num_threads(1)  # on tiny tensors threads only wait for each other


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the cache: random models over bytes with a chat template, in place of the real ones."""
    cache = tmp_path_factory.mktemp("hub")
    for seed, name in enumerate(MODELS):
        repository = cache / f"models--{name.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs/main").write_text(REVISION)
        folder = save_byte_model(repository / "snapshots" / REVISION, seed=seed, max_position_embeddings=1024)
        without_nul(folder / "tokenizer.json")
    return cache


def without_nul(tokenizer: Path) -> None:
    """Give the byte 0 another text, since databases store no NUL character, which a random model soon writes."""
    text = tokenizer.read_text(encoding="utf-8")
    assert text.count('"Ā"') == 1
    tokenizer.write_text(text.replace('"Ā"', '"<nul>"'), encoding="utf-8")


@pytest.fixture
def hub_cache(tiny_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache as the one of this process, which then sends no request."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tiny_cache))
    monkeypatch.setattr(_cache_manager, "HF_HUB_CACHE", str(tiny_cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tiny_cache
