"""The registry of rewards: the kinds of this package, and plugins of installed packages."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import posttrain.rewards
from byte_model import save_byte_model
from posttrain.rewards.registry import REWARD_KINDS
from posttrain.rewards.types import RewardOptions

VOWELS = '''\
from typing import Literal

from pydantic import Field

from posttrain.rewards.types import RewardKind, RewardOptions, per_completion


class VowelReward(RewardOptions):
    """The share of vowels among the letters."""

    kind: Literal["vowels"]
    letters: str = Field(default="aeiou", description="letters that count as vowels")


def make_vowel_reward(options, base):
    return per_completion(lambda completion, row: sum(c in options.letters for c in completion) / len(completion))


REWARDS = (RewardKind(VowelReward, make_vowel_reward),)
'''

RECIPE = """\
model: model
stages:
  grpo:
    kind: grpo
    data: prompts.jsonl
    max_length: 64
    max_new_tokens: 8
    rewards: {open: {kind: vowels, letters: aou}}
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_with_plugin(tmp_path: Path) -> Run:
    """Run the command line in a new process, in which a package offers a plugin."""
    plugins, work = tmp_path / "plugins", tmp_path / "work"
    info = plugins / "vowel_rewards-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vowel-rewards\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[posttrain.rewards]\nvowels = vowel_rewards\n")
    work.mkdir()
    save_byte_model(work / "model")
    rows = [{"prompt": f"Say {word}", "completion": word} for word in ("aabb", "ouou")]
    (work / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(*arguments: str, module: str, recipe: str = RECIPE) -> "subprocess.CompletedProcess[str]":
        (plugins / "vowel_rewards.py").write_text(module)
        (work / "recipe.yaml").write_text(recipe)
        environment = {**os.environ, "PYTHONPATH": str(plugins), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "posttrain", *arguments]
        return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)

    return run


def test_every_reward_of_this_package_is_registered() -> None:
    names = [module.name for module in pkgutil.walk_packages(posttrain.rewards.__path__, "posttrain.rewards.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith(".algebra_child")]
    options = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, RewardOptions) and "kind" in value.model_fields
    }
    assert options == {kind.options for kind in REWARD_KINDS.values()}


def test_the_registry_is_light() -> None:
    heavy = ("torch", "transformers", "sqlalchemy", "markdown_it", "httpx2")
    code = f"import sys, posttrain.rewards.registry; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_validate_plan_and_keys_know_the_reward_of_a_plugin(run_with_plugin: Run) -> None:
    valid = run_with_plugin("validate", "recipe.yaml", module=VOWELS)
    assert valid.returncode == 0, valid.stderr
    plan = run_with_plugin("plan", "recipe.yaml", module=VOWELS)
    assert plan.returncode == 0, plan.stderr
    assert "0.5 to 1" in next(line for line in plan.stdout.splitlines() if "reward `open`" in line)
    keys = run_with_plugin("keys", module=VOWELS)
    section = keys.stdout.split("## Reward `vowels`")[1].split("## ")[0]
    assert "The share of vowels among the letters." in section
    assert "| `letters` | text | `aeiou` | letters that count as vowels |" in section


def test_a_misspelt_key_of_a_plugins_reward_gets_a_suggestion(run_with_plugin: Run) -> None:
    answer = run_with_plugin("validate", "recipe.yaml", module=VOWELS, recipe=RECIPE.replace("letters", "leters"))
    assert answer.returncode == 2
    assert "recipe.yaml:8: stages.grpo.rewards.open.leters" in answer.stderr
    assert "letters" in answer.stderr.replace("leters", "")


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("", "REWARDS"),
        (VOWELS.replace("make_vowel_reward),", "None),"), "VowelReward"),
        (
            VOWELS.replace('Literal["vowels"]', 'Literal["math"]'),
            "`math` is already registered by posttrain.rewards.",
        ),
        (VOWELS.replace('Literal["vowels"]', "str"), "Literal"),
    ],
)
def test_a_plugin_at_fault_is_named_with_its_package(run_with_plugin: Run, module: str, problem: str) -> None:
    answer = run_with_plugin("validate", "recipe.yaml", module=module)
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: the package vowel-rewards (entry point vowels = vowel_rewards)")
    assert problem in answer.stderr
