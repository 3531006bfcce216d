"""A kind of stage registers itself: its options name its runner and its starting recipe; no other code names it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from byte_model import save_byte_model
from posttrain.recipe.stages.registry import STAGES
from posttrain.stages.runner import Runner, runner_of

OPTIONS = '''\
from typing import ClassVar, Literal

from pydantic import Field

from posttrain.recipe.stages.base import TrainingStage


class UnlikelihoodStage(TrainingStage):
    """Unlikelihood: the answers of the rows become less likely."""

    runner: ClassVar[str] = "unlikelihood.runner"
    starter: ClassVar[str] = "unlikelihood:starter.yaml"
    rows: ClassVar[str] = "sft"

    kind: Literal["unlikelihood"]
    strength: float = Field(default=1.0, gt=0, description="weight of the loss")
'''

RUNNER = """\
from functools import partial

import torch

from posttrain.core.outputs import Loss, Objective
from posttrain.stages.technique import Technique
from posttrain.stages.training import curated
from posttrain.train.batches import shuffled


def unlikelihood_loss(outputs, batch, strength):
    total = -strength * torch.log1p(-outputs.logp_N.exp().clamp(max=0.999)).sum()
    return Loss(total, {"loss": (total.detach(), len(outputs.logp_N))})


def technique(stage, seed):
    objective = Objective(
        partial(unlikelihood_loss, strength=stage.strength), wants=frozenset({"logp"}), needs=frozenset(), unit="token"
    )
    return Technique(task="causal", objective=objective, order=lambda prepared: shuffled(len(prepared.train), seed))


RUNNER = curated(technique)
"""

STARTER = """\
# Unlikelihood: make the answers of the rows less likely.
model: model
stages:
  less:
    kind: unlikelihood
    data: rows.jsonl
    validation: 0.25
    max_length: 64
    max_steps: 4
    strength: 0.5
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_with_plugin(tmp_path: Path) -> Run:
    """Run the command line in a new process with a package that adds a kind of stage."""
    plugins, work = tmp_path / "plugins", tmp_path / "work"
    info, package = plugins / "unlikelihood-1.0.dist-info", plugins / "unlikelihood"
    for folder in (info, package, work):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: unlikelihood\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[posttrain.stages]\nunlikelihood = unlikelihood.options\n")
    (package / "__init__.py").write_text("")
    (package / "runner.py").write_text(RUNNER)
    (package / "starter.yaml").write_text(STARTER)
    save_byte_model(work / "model")
    rows = [{"prompt": f"Say {n}", "completion": f"the number {n * n}"} for n in range(40)]
    (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(*arguments: str, options: str = OPTIONS) -> "subprocess.CompletedProcess[str]":
        (package / "options.py").write_text(options)
        environment = {**os.environ, "PYTHONPATH": str(plugins), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "posttrain", *arguments]
        return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)

    return run


def test_every_command_knows_a_kind_of_stage_from_another_package(run_with_plugin: Run, tmp_path: Path) -> None:
    work = tmp_path / "work"
    starter = run_with_plugin("init", "unlikelihood")
    assert starter.stdout == STARTER, starter.stderr
    assert "unlikelihood" in run_with_plugin("init").stderr
    (work / "recipe.yaml").write_text(starter.stdout)
    keys = run_with_plugin("keys").stdout.split("## Stage `unlikelihood`")[1].split("## ")[0]
    assert "| `strength` | number, above 0 | `1.0` | weight of the loss |" in keys
    for command in ("validate", "plan", "audit --recipe", "run"):
        done = run_with_plugin(*command.split(), "recipe.yaml")
        assert done.returncode == 0, f"{command}: {done.stderr}"
    summary = json.loads((work / "runs" / "recipe" / "summary.json").read_text())
    loss = summary["less"]["eval_loss"]
    assert loss["after"] < loss["before"]
    assert (work / "runs" / "recipe" / "stages" / "less" / "model" / "model.safetensors").is_file()


def test_a_misspelt_key_of_it_gets_a_suggestion(run_with_plugin: Run, tmp_path: Path) -> None:
    (tmp_path / "work" / "recipe.yaml").write_text(STARTER.replace("strength", "strenght"))
    done = run_with_plugin("validate", "recipe.yaml")
    assert done.returncode == 2
    assert "recipe.yaml:10: stages.less.strenght" in done.stderr
    assert "did you mean strength?" in done.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("import no_such_module\n", "ModuleNotFoundError"),
        (OPTIONS.replace('Literal["unlikelihood"]', 'Literal["sft"]'), "`sft`"),
    ],
)
def test_a_package_at_fault_is_named(run_with_plugin: Run, options: str, problem: str) -> None:
    done = run_with_plugin("init", options=options)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the package unlikelihood (entry point unlikelihood = unlikelihood.options)")
    assert problem in done.stderr


def test_every_kind_has_a_runner_and_a_starting_recipe() -> None:
    for kind, options in STAGES.items():
        assert isinstance(runner_of(options.model_construct()), Runner), kind
        assert options.starter.endswith(f"/{kind}.yaml")


def test_the_registry_is_light() -> None:
    heavy = ("torch", "transformers", "sqlalchemy")
    code = f"import sys, posttrain.recipe.stages.registry; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
