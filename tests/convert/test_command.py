"""`posttrain convert`: what it prints, its errors, and the pages that come from its tables."""

from pathlib import Path

import pytest

from command_line import Posttrain
from posttrain.convert.page import tables_of
from posttrain.convert.peers import PEERS
from posttrain.recipe.load import load_recipe

DOCS = Path(__file__).parents[2] / "docs"

TRL = "model_name_or_path: a/b\ndataset_name: c/d\nuse_peft: true\nhub_token: hf_very_private\nnoise: 3\n"
SECRETS = """
env: {HF_TOKEN: hf_very_private, OTHER: very_private}
model_init_kwargs: {token: very_private, nested: [{api_key: very_private}], plain: shown}
gradient_checkpointing_kwargs: '{"token": "very_private", "use_reentrant": false}'
wandb_api_key: very_private
pad_token: shown_pad
"""


@pytest.mark.parametrize("name", PEERS)
def test_the_page_has_the_tables_of_the_program(name: str, posttrain: Posttrain) -> None:
    peer = PEERS[name]
    answer = posttrain("convert", "--table", name)
    assert answer.out == tables_of(peer)
    page = (DOCS / peer.page).read_text(encoding="utf-8")
    assert page.endswith(answer.out), f"write the end of docs/{peer.page} again: posttrain convert --table {name}"


@pytest.mark.parametrize("name", PEERS)
def test_no_key_is_declared_with_two_fates(name: str) -> None:
    keys = PEERS[name].keys
    without = [key for declared in keys if declared.status != "translated" for key in declared.theirs]
    translated = {key for declared in keys if declared.status == "translated" for key in declared.theirs}
    assert sorted(set(without)) == sorted(without)
    assert not translated & set(without)


def test_the_recipe_is_printed_and_its_gaps_are_counted(
    posttrain: Posttrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(TRL + SECRETS)
    answer = posttrain("convert", "config.yaml", "--kind", "dpo", "--devices", "2")
    assert answer.code == 0
    assert "2 unknown" in answer.err
    assert "very_private" not in answer.out
    assert all(text in answer.out for text in ("shown", "shown_pad", "HF_TOKEN", "use_reentrant"))
    Path("recipe.yaml").write_text(answer.out)
    recipe = load_recipe(Path("recipe.yaml"))
    assert recipe.stages["dpo"].batch_size == 16  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate: 1\n", "the keys do not show whose configuration"),
        ("model: a/b\nstages: {}\n", "is a recipe of posttrain already"),
        ("- a list\n", "a configuration is a mapping"),
        ("dataset_name: c/d\nuse_peft: true\n", "there is no model_name_or_path"),
        ("model_name_or_path: a/b\nuse_peft: true\npacking: true\n", "there is no data set"),
        (TRL + "packing: true\nlearning_rate: fast\n", "config.yaml:7: learning_rate: must be a number"),
        (TRL + "packing: true\nlearning_rate: 7\n", "stages.sft.learning_rate"),
        (TRL + "packing: true\nlr_scheduler_kwargs: 3\n", "config.yaml:7: lr_scheduler_kwargs: must be a mapping"),
        (TRL + "loss_type: [sigmoid]\nloss_weights: [much]\n", "config.yaml:7: loss_weights: must be numbers"),
        ("base_model: a/b\nsequence_len: 9\nrl: prm\ndatasets: []\n", "rl: prm has no counterpart"),
        ("model_name_or_path: a/b\nstage: none\ncutoff_len: 9\n", "stage: none is none of sft"),
    ],
)
def test_a_wrong_configuration_is_one_message(
    text: str, message: str, posttrain: Posttrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(text)
    answer = posttrain("convert", "config.yaml")
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_files_and_names_that_do_not_exist(posttrain: Posttrain) -> None:
    assert "there is no such file" in posttrain("convert", "nothing.yaml").err
    assert "--from: other is none of trl" in posttrain("convert", "--table", "other").err
    assert "name a configuration" in posttrain("convert").err
