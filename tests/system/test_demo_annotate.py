"""`posttrain demo --annotate`: a person ranks ten drafts in the browser; the reward model learns from them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from annotate_server import PASSWORD
from posttrain.console import Screen
from posttrain.demo.ranking import COUNT, RANKED
from posttrain.demo.run import demo_recipe
from posttrain.pipeline.run import run_recipe
from posttrain.recipe.stages.reward import RewardStage


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rank_in_the_browser(link: str, name: str) -> int:
    """Sign up by the link that the demo printed, and rank all there is: the longest draft first, the others tied."""
    address, path = re.fullmatch(r"(http://[^/]+)(/\S+)", link).groups()
    with httpx2.Client(base_url=address, timeout=60) as http:
        assert http.post(path, data={"name": name, "password": PASSWORD}).status_code == 303
        page = http.get("/projects/1/rank").text
        assert "Bexoriva: 40 mg twice a day" in page, "the guideline tells the doses"
        http.headers["X-CSRF-Token"] = re.search(r'name="csrf" content="([^"]+)"', page)[1]
        done = 0
        while (held := http.post("/api/v1/projects/1/assignments")).status_code == 200:
            lengths = [len(one["text"]) for one in held.json()["candidates"]]
            ranks = [1 if length == max(lengths) else 2 for length in lengths]
            answer = http.post(f"/api/v1/assignments/{held.json()['id']}/judgments", json={"ranks": ranks})
            assert answer.status_code == 201, answer.text
            done += 1
        return done


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's folder after its person has ranked; the training that follows is stopped as it begins."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "posttrain", "demo", "--annotate", "--out", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        lines = iter(process.stderr.readline, "")
        link = next(found[1] for line in lines if (found := re.search(r"(http://\S+/join/\S+)", line)))
        assert rank_in_the_browser(link, "rita") == COUNT
        assert any("before training" in line for line in lines), "the demo goes on by itself"
        process.kill()
    return folder


def test_the_persons_rankings_carry_his_name_and_those_made_by_rule_do_not(ranked: Path) -> None:
    rows = rows_of(ranked / RANKED)
    assert len(rows) == COUNT
    assert {(row["annotator"], row["meta_simulated"]) for row in rows} == {("rita", False)}
    for row in rows:
        lengths = {one["id"]: len(one["text"]) for one in row["candidates"]}
        assert row["ranks"] == {name: 1 if n == max(lengths.values()) else 2 for name, n in lengths.items()}
    by_rule = rows_of(ranked / "data/drafts_train.jsonl")
    assert {row["annotator"] for row in by_rule} == {"simulated"}
    assert not {row["prompt"][0]["content"] for row in rows_of(ranked / "data/drafts_test.jsonl")} & {
        row["prompt"][0]["content"] for row in rows
    }


def test_they_join_the_reward_models_data(ranked: Path) -> None:
    recipe = demo_recipe(ranked, 0, annotate=True)
    reward = recipe.stages["reward"]
    assert isinstance(reward, RewardStage)
    short = reward.model_copy(update={"model": None, "max_steps": 1, "gates": ()})  # from the base model, one step
    run_recipe(
        recipe.model_copy(update={"stages": {"reward": short}, "suites": {}}),
        base=ranked,
        out=ranked / "short",
        screen=Screen(quiet=True),
    )
    summary = json.loads((ranked / "short/stages/reward/data/data.json").read_text())
    assert summary["parts"]["train"]["groups"] == COUNT + len(rows_of(ranked / "data/drafts_train.jsonl"))
    assert [source.path for source in demo_recipe(ranked, 0, annotate=False).stages["reward"].data] == [
        "data/drafts_train.jsonl"
    ]
