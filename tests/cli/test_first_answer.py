"""A recipe's errors answer at once: before torch is imported, which takes seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from posttrain.cli.main import main
try:
    main()
finally:
    print("torch" in sys.modules)
"""


@pytest.mark.parametrize(
    "words",
    [
        ("run", "{recipe}"),
        ("run", "{recipe}", "--sweep", "stages.sft.epochs=1,2"),
        ("run", "{recipe}", "--processes", "2"),
        ("plan", "{recipe}"),
        ("plan", "{recipe}", "--sweep", "stages.sft.epochs=1,2"),
        ("validate", "{recipe}"),
    ],
    ids=" ".join,
)
def test_an_unknown_key_is_told_without_torch(words: tuple[str, ...], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("model: gone\nstages: {sft: {kind: sft, data: gone.jsonl, leraning_rate: 1}}\n")
    call = [word.format(recipe=recipe) for word in words]
    done = subprocess.run([sys.executable, "-c", CODE, *call], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (2, "False")
    assert "leraning_rate: unknown key" in done.stderr
