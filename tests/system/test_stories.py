"""On-policy training of a real language model: TinyStories' 260K parameters learn what pays, on held-out openings.

GRPO learns from a rule. PPO learns from a reward model, which learnt from rankings of the model's own stories.
"""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain

NAMES = ("Tom", "Lily", "Ben", "Sue", "Max", "Anna", "Tim", "Mia")
HEROES = ("boy", "girl", "cat", "dog", "bird", "bear")
OPENINGS = (
    "Once upon a time, there was a little {hero} named {name}. {name}",
    "One day, {name} the {hero} went to the park. {name}",
    "{name} was a happy {hero}. One day, {name}",
)
GLAD = "|".join(("happy", "smil\\w*", "laugh\\w*", "love\\w*", "fun", "glad", "play\\w*", "hug\\w*"))

FRIEND = """\
model: {model}
stages:
  grpo:
    kind: grpo
    data: openings.jsonl
    template: raw
    validation: 0.2
    rewards: # a sentence that names a friend and comes to its end
      friend: {{kind: regex, pattern: '^[^.]*\\bfriends?\\b[^.]*\\.$'}}
    stop: ["."]
    max_new_tokens: 32
    num_generations: 8
    batch_size: 16
    epochs: 100
    max_steps: 24
    eval_every: 24
    learning_rate: 5.0e-4
    beta: 0.02
    show_every: 0
"""

DRAFTS = """\
model: {model}
stages:
  drafts:
    kind: candidates
    data: openings.jsonl
    template: raw
    k: 4
    max_new_tokens: 32
"""

HAPPY = """\
model: {model}
stages:
  reward:
    kind: reward
    data: rankings.jsonl
    template: raw
    validation: 0.2
    epochs: 6
    batch_size: 8
    learning_rate: 1.0e-3
  ppo:
    kind: ppo
    data: openings.jsonl
    template: raw
    validation: 0.2
    rewards: {{ranked: {{kind: model, model: reward}}}}
    gold: {{glad: {{kind: regex, pattern: '\\b({glad})\\b'}}}}
    max_new_tokens: 32
    batch_size: 32
    num_generations: 2
    inner_epochs: 2
    epochs: 100
    max_steps: 40
    eval_every: 24
    missing_eos_penalty: 0.0
    learning_rate: 3.0e-4
    target_kl: 6
    show_every: 0
"""


@pytest.fixture
def openings(work: Path) -> Path:
    """Openings of stories, no two alike."""
    rows = [{"prompt": o.format(hero=h, name=n)} for o, h, n in product(OPENINGS, HEROES, NAMES)]
    (work / "openings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return work


def run(posttrain: Posttrain, folder: Path, name: str, recipe: str) -> dict[str, Any]:
    (folder / f"{name}.yaml").write_text(recipe)
    answer = posttrain("run", f"{name}.yaml", "--out", name, "--json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_grpo_on_a_rule_climbs_on_held_out_openings(openings: Path, data_dir: Path, posttrain: Posttrain) -> None:
    found = run(posttrain, openings, "friend", FRIEND.format(model=data_dir / "models/stories260K"))["grpo"]
    assert found["eval_reward"]["after"] > found["eval_reward"]["before"] + 0.2
    assert 0.0 < found["eval_kl"]["after"] < 30.0


@pytest.mark.slow
def test_ppo_climbs_a_reward_model_of_its_own_stories(openings: Path, data_dir: Path, posttrain: Posttrain) -> None:
    model = data_dir / "models/stories260K"
    run(posttrain, openings, "drafts", DRAFTS.format(model=model))
    rows = (openings / "drafts/stages/drafts/candidates.jsonl").read_text().splitlines()
    (openings / "rankings.jsonl").write_text("".join(json.dumps(ranked(json.loads(row))) + "\n" for row in rows))
    found = run(posttrain, openings, "happy", HAPPY.format(model=model, glad=GLAD))
    assert found["reward"]["eval_accuracy"]["after"] > 0.75
    ppo = found["ppo"]
    assert ppo["eval_reward"]["after"] > ppo["eval_reward"]["before"] + 0.5
    assert ppo["eval_gold/glad"]["after"] > ppo["eval_gold/glad"]["before"] + 0.1
    assert 0.0 < ppo["eval_kl"]["after"] < 30.0


def ranked(row: dict[str, Any]) -> dict[str, Any]:
    """A simulated annotator: the more words of gladness, the better."""
    glad = {one["id"]: len(re.findall(rf"\b({GLAD})\b", one["text"])) for one in row["candidates"]}
    order = sorted(set(glad.values()), reverse=True)
    return {**row, "ranks": {key: order.index(count) + 1 for key, count in glad.items()}, "annotator": "simulated"}
