"""`posttrain export` on a run: the folder's own card has the evidence, and its code runs."""

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

from command_line import Posttrain

LORA = ("--set", "stages.sft.lora={rank: 2}", "--set", "stages.sft.max_steps=2")


@pytest.fixture
def run(work: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(work)
    assert posttrain("run", "recipe.yaml", "--out", "first", *LORA).code == 0
    return work / "first"


def test_a_stages_folder_has_its_card_and_the_cards_code_answers(
    run: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = posttrain("export", "first:sft", "--to", "out")
    assert done.code == 0, done.err
    assert "model.safetensors" in done.out
    assert "vllm serve out" in done.out
    card = Path("out/README.md").read_text()
    assert "## Evidence" in card
    assert "library_name: transformers" in card
    assert str(run) not in card
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert code is not None
    assert len(code[1].splitlines()) == 6
    monkeypatch.chdir("out")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code[1].replace("max_new_tokens=200", "max_new_tokens=5"), {})
    assert "Your question" in printed.getvalue()
    monkeypatch.chdir(os.pardir)
    kept = posttrain("export", "first:sft", "--to", "adapter", "--adapter", "--base", "org/base")
    assert kept.code == 0, kept.err
    assert "library_name: peft" in Path("adapter/README.md").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("first:dpo", "--to", "x"), "has no model of a stage dpo"),
        (("first:sft", "--to", "first"), "is there already"),
        (("first:sft", "--to", "x", "--adapter", "--dtype", "bfloat16"), "an adapter stays in float32"),
        (("first:sft", "--to", "x", "--base", "org/base"), "add --adapter"),
        (("nothing", "--to", "x"), "no such model folder"),
    ],
)
def test_a_wrong_flag_is_one_sentence(run: Path, posttrain: Posttrain, words: tuple[str, ...], says: str) -> None:
    done = posttrain("export", *words)
    assert done.code == 2
    assert says in done.err
    assert not Path("x").exists()
