"""Relatives of GRPO train a tiny model from end to end."""

import json
from pathlib import Path

import pytest

from byte_model import save_byte_model
from command_line import Posttrain
from on_policy_recipes import GRPO, alone, write_files

METHODS = {
    "RLOO with KL in the reward": {"advantage": "rloo", "kl": "reward"},
    "REINFORCE++ with one completion": {
        "advantage": "reinforce++",
        "kl": "reward",
        "num_generations": 1,
        "dynamic_sampling": 0,
    },
    "GDPO with CISPO": {"normalize_each_reward": True, "loss": "cispo", "dynamic_sampling": 0},
}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_byte_model(tmp_path / "model")
    write_files(tmp_path)
    short = "short: {kind: python, file: mine.py, function: short, weight: 0.5}"
    (tmp_path / "grpo.yaml").write_text(
        alone(GRPO.replace("rewards: {", f"rewards: {{{short}, ").replace("    validation: 0.25\n", ""))
    )
    return tmp_path


def weights_of(name: str, work: Path, posttrain: Posttrain, out: str) -> bytes:
    """The weights after two steps of one rollout."""
    keys = {**METHODS[name], "max_steps": 2}
    sets = [word for key, value in keys.items() for word in ("--set", f"stages.grpo.{key}={json.dumps(value)}")]
    answer = posttrain("run", "grpo.yaml", "--out", out, *sets)
    assert answer.code == 0, answer.err
    return (work / out / "stages/grpo/model/model.safetensors").read_bytes()


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_with_the_kl_in_its_place(name: str, work: Path, posttrain: Posttrain) -> None:
    assert weights_of(name, work, posttrain, "out") != (work / "model/model.safetensors").read_bytes()
    steps = [json.loads(line) for line in (work / "out/stages/grpo/metrics.jsonl").read_text().splitlines()]
    in_reward = METHODS[name].get("kl") == "reward"
    assert ("objective/rlhf_reward" in steps[0]) == in_reward
    assert ("kl_loss" in steps[0]) != in_reward


def test_a_seed_repeats_it(work: Path, posttrain: Posttrain) -> None:
    name = "REINFORCE++ with one completion"
    assert weights_of(name, work, posttrain, "once") == weights_of(name, work, posttrain, "again")
