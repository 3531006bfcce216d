"""A recipe with data and a model, as a user would have them, and the command line to run it with."""

import json
from pathlib import Path

import pytest
import torch

from byte_model import save_byte_model

torch.set_num_threads(1)  # on tiny tensors threads only wait for each other

RECIPE = """\
model: model
stages:
  sft:
    kind: sft
    data: train.jsonl
    validation: 0.25
    max_length: 128
    batch_size: 4
    learning_rate: 1.0e-3
"""

PAIRS = """\
model: model
stages:
  dpo:
    kind: dpo
    data: pairs.jsonl
    validation: 0.25
    max_length: 128
    batch_size: 4
    learning_rate: 1.0e-4
"""


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_model(tmp_path_factory.mktemp("byte") / "model")


@pytest.fixture
def work(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with recipe.yaml, pairs.yaml, their data and the model; the working directory."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "model").symlink_to(model_folder)
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "pairs.yaml").write_text(PAIRS)
    rows = [{"prompt": f"Say {n}", "completion": f"{n}, as asked"} for n in range(24)]
    pairs = [{"prompt": f"Say {n}", "chosen": f"{n}, as asked", "rejected": "no"} for n in range(16)]
    for name, some in (("train", rows), ("pairs", pairs)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    monkeypatch.chdir(folder)
    return folder
