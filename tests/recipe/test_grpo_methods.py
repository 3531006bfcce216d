"""The keys that docs/grpo.md lists for each published method make a valid stage."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from posttrain.recipe.stages.grpo import GRPOStage

PAGE = Path(__file__).parents[2] / "docs/grpo.md"
ROWS = re.findall(
    r"^\| ([^|]+) \| `(\{.*\})` \|.*arXiv:\d{4}\.\d{5}(?:, eq\. [^|]+)? \|$",
    PAGE.read_text(encoding="utf-8"),
    re.MULTILINE,
)
METHODS: dict[str, dict[str, Any]] = {name: yaml.safe_load(keys) for name, keys in ROWS}
PROMISED = {"GRPO", "Dr. GRPO", "DAPO", "GSPO", "RLOO", "REINFORCE++", "CISPO", "SAPO", "GDPO"}


def test_the_table_has_the_methods_that_the_readme_promises() -> None:
    assert METHODS.keys() >= PROMISED
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    (names,) = re.findall(r"\[([^\]]*)\]\(docs/grpo\.md\)", readme)
    assert {*names.split(", ")} <= METHODS.keys()


@pytest.mark.parametrize("name", METHODS)
def test_the_keys_of_a_method_make_a_stage_of_its_own(name: str) -> None:
    rewards = {"right": {"kind": "match", "target": "answer"}, "short": {"kind": "length", "free": 9, "margin": 9}}
    stage = GRPOStage.model_validate({"kind": "grpo", "data": "x.jsonl", "rewards": rewards, **METHODS[name]})
    for key, value in METHODS[name].items():
        assert getattr(stage, key) == value
    others = [keys for other, keys in METHODS.items() if other != name]
    assert METHODS[name] not in others
