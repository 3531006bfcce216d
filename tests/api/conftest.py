"""A tiny model with rows to train on, in a working directory of the test's own."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from byte_model import save_byte_model


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("work")
    save_byte_model(folder / "model")
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdef", k=4)) for _ in range(24)]
    files = {"train": [{"prompt": f"Say {w}.", "completion": w} for w in words[:16]]}
    files["test"] = [{"prompt": f"Say {w}.", "completion": w} for w in words[16:]]
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
