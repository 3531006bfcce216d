"""Real tokenizers, loaded once."""

from pathlib import Path
from typing import Any

import pytest


def _load(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def qwen(data_dir: Path) -> Any:
    """Byte-level BPE, no start token, ChatML with tools."""
    return _load(data_dir / "tokenizers" / "qwen2.5-0.5b-instruct")


@pytest.fixture(scope="session")
def phi(data_dir: Path) -> Any:
    """SentencePiece-like BPE whose chat tokens hold the blanks after them, and whose eos does not end a turn."""
    return _load(data_dir / "tokenizers" / "phi-3-mini-128k-instruct")


@pytest.fixture(scope="session")
def stories(data_dir: Path) -> Any:
    """512 pieces with byte fallback, a start token it would add itself, no chat template."""
    return _load(data_dir / "models" / "stories260K")
