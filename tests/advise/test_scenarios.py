"""The advice in each technique's own case, in mixtures, and in traps; each recipe validates, each shape of one runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from advising import (
    LAPTOP,
    SERVER,
    asked_sums,
    circles,
    contradictory,
    functions,
    half_said,
    judged,
    labelled,
    many_names,
    many_tasks,
    named_tasks,
    pairs,
    prompts,
    records,
    refusals,
    replies,
    reversed_pairs,
    same_pairs,
    strange,
    sums,
    write,
)
from command_line import Posttrain
from posttrain.advise.advice import Advice, advise
from posttrain.advise.answers import Answers
from posttrain.advise.machine import Machine
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.recipe.schema import load_recipe

Files = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Scenario:
    """A case: what there is, what is said, and what should come of it.

    Args:
        files: name → rows.
        stack: the techniques advised.
        stages: kinds of the recipe's stages after the audit; none: no recipe.
        says: technique → words that its reasons must hold.
    """

    files: Files
    stack: tuple[str, ...]
    stages: tuple[str, ...]
    says: Mapping[str, tuple[str, ...]]
    answers: Answers = field(default_factory=Answers)
    goal: str = ""
    base: bool = False
    model: str | None = None
    machine: Machine = LAPTOP
    against: Files = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()


RANKED = ("candidates", "rank")

SCENARIOS: dict[str, Scenario] = {
    # each technique in its own case
    "SFT: one task, curated answers": Scenario(
        {"replies.jsonl": replies(600)},
        ("SFT",),
        ("sft",),
        {"SFT": ("right outputs can be shown",), "IFT": ("breadth",)},
    ),
    "SFT: records of one form, said not to be checked": Scenario(
        {"records.jsonl": records(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("one form (JSON)", "200 more"), "GRPO": ("nothing here that a program could check",)},
        Answers(checkable=False),
    ),
    "IFT: many kinds of request": Scenario(
        {"many.jsonl": many_tasks(360)},
        ("IFT",),
        ("ift",),
        {"IFT": ("kinds of request", "unseen instructions", "1,640 more"), "SFT": ("IFT's case",)},
    ),
    "IFT: named tasks, one of them held out": Scenario(
        {"named.jsonl": named_tasks(360)}, ("IFT",), ("ift",), {"IFT": ("breadth",)}, Answers(tasks="many"), base=True
    ),
    "DPO: a fixed set of pairs about refusals": Scenario(
        {"pairs.jsonl": pairs(300)},
        ("DPO",),
        ("dpo",),
        {"DPO": ("300 pairs", "fixed beforehand", "refusals"), "RLHF": ("simpler technique",)},
        Answers(strict=True),
    ),
    "RLHF: broad preferences, three people, prompts": Scenario(
        {"prompts.jsonl": prompts(150)},
        ("RLHF",),
        (*RANKED, "reward", "ppo"),
        {"RLHF": ("tries answers of its own", "KL"), "DPO": ("no fixed set",)},
        Answers(people=3, preferences="broad", strict=True),
    ),
    "RLHF: broad preferences, and pairs enough for a reward model": Scenario(
        {"pairs.jsonl": pairs(300), "prompts.jsonl": prompts(150)},
        ("RLHF",),
        ("reward", "ppo"),
        {"RLHF": ("broad",), "DPO": ("RLHF",)},
        Answers(people=2, preferences="broad"),
    ),
    "GRPO: numbers that can be checked": Scenario(
        {"asked.jsonl": asked_sums(150)},
        ("GRPO",),
        ("grpo",),
        {"GRPO": ("number", "reward math reads 100%", "no people"), "SFT": ("bare results", "skip the working")},
    ),
    "SFT and GRPO: labels": Scenario(
        {"labelled.jsonl": labelled(150)},
        ("SFT", "GRPO"),
        ("sft", "grpo"),
        {"SFT": ("one form (label)",), "GRPO": ("one of 3 labels", "reward match")},
    ),
    "GRPO: code with tests": Scenario(
        {"functions.jsonl": functions(120)}, ("GRPO",), ("grpo",), {"GRPO": ("code with tests",)}
    ),
    "GRPO: a model known to be right at times needs no SFT": Scenario(
        {"sums.jsonl": sums(150)},
        ("GRPO",),
        ("grpo",),
        {"SFT": ("right in 30% already",), "GRPO": ("reward math",)},
        Answers(success=0.3),
    ),
    # mixtures
    "SFT then GRPO: a base model and answers that can be checked": Scenario(
        {"sums.jsonl": sums(150)},
        ("SFT", "GRPO"),
        ("sft", "grpo"),
        {"SFT": ("base model", "answer before anything else"), "GRPO": ("reward math",)},
        base=True,
    ),
    "SFT then GRPO: never right yet, but there is something to imitate": Scenario(
        {"records.jsonl": records(150)},
        ("SFT", "GRPO"),
        ("sft", "grpo"),
        {"SFT": ("one form (JSON)",), "GRPO": ("json_fields reads 100%",)},
        Answers(success=0.0),
    ),
    "SFT then DPO: replies, and pairs about their tone": Scenario(
        {"replies.jsonl": replies(150), "pairs.jsonl": pairs(250)},
        ("SFT", "DPO"),
        ("sft", "dpo"),
        {"SFT": ("right outputs",), "DPO": ("250 pairs", "tone")},
        goal="Answer reports in our house's tone",
    ),
    "SFT then DPO: a base model with nothing but pairs imitates the chosen answers first": Scenario(
        {"pairs.jsonl": pairs(300)},
        ("SFT", "DPO"),
        ("sft", "dpo"),
        {"SFT": ("base model",), "DPO": ("300 pairs",)},
        base=True,
    ),
    "IFT then GRPO: many kinds of task, one of which can be checked": Scenario(
        {"many.jsonl": many_tasks(360), "sums.jsonl": sums(120)},
        ("IFT", "GRPO"),
        ("ift", "grpo"),
        {"IFT": ("breadth",), "GRPO": ("reward math",)},
        base=True,
    ),
    "IFT then DPO: an assistant for many tasks that must refuse": Scenario(
        {"many.jsonl": many_tasks(360), "pairs.jsonl": pairs(250)},
        ("IFT", "DPO"),
        ("ift", "dpo"),
        {"IFT": ("breadth",), "DPO": ("refusals",)},
        Answers(strict=True),
        base=True,
    ),
    "SFT then RLHF: people rank what the fine-tuned model writes": Scenario(
        {"replies.jsonl": replies(150)},
        ("SFT", "RLHF"),
        ("sft", *RANKED, "reward", "ppo"),
        {"RLHF": ("broad", "700 more rankings")},
        Answers(people=2, preferences="broad", strict=True),
        base=True,
    ),
    "SFT, DPO and GRPO: sums, and pairs about tone": Scenario(
        {"sums.jsonl": sums(150), "pairs.jsonl": pairs(250)},
        ("SFT", "DPO", "GRPO"),
        ("sft", "dpo", "grpo"),
        {"DPO": ("250 pairs",), "GRPO": ("math",)},
        base=True,
    ),
    "DPO: people can rank, and preferences are narrow": Scenario(
        {"prompts.jsonl": prompts(150)},
        ("DPO",),
        (*RANKED, "dpo"),
        {"DPO": ("2 people can rank", "one stage")},
        Answers(people=2, preferences="narrow"),
    ),
    "DPO: verdicts of three people who agree": Scenario(
        {"judged.jsonl": judged(240, agree=True)}, ("DPO",), ("rank", "dpo"), {"DPO": ("240 pairs",)}
    ),
    # traps
    "trap: all pairs are decided by length": Scenario(
        {"pairs.jsonl": pairs(300, longer=0.97)},
        (),
        (),
        {"DPO": ("97% of the pairs the longer answer wins", "learn to be long"), "RLHF": ("97%",)},
        Answers(preferences="broad"),
    ),
    "trap: all pairs are decided by length, but people can rank anew": Scenario(
        {"pairs.jsonl": pairs(300, longer=0.97)},
        ("DPO",),
        (*RANKED, "dpo"),
        {"DPO": ("stay out", "97% the longer answer wins", "rank anew")},
        Answers(people=2),
    ),
    "trap: pairs that lean to length are trained on with a warning": Scenario(
        {"pairs.jsonl": pairs(300, longer=0.75)},
        ("DPO",),
        ("dpo",),
        {"DPO": ("75% of the pairs the longer", "balance")},
    ),
    "trap: a checkable task whose answers no reward reads": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"GRPO": ("that a reward reads", "math, match, json_fields")},
        Answers(checkable=True),
    ),
    "trap: a reward that reads half of the answers": Scenario(
        {"asked.jsonl": [{"prompt": r["prompt"], "gold": r["target"]} for r in asked_sums(150)] + half_said(100)},
        (),
        (),
        {"GRPO": ("math reads only 60% of gold", "correct the rest")},
        Answers(checkable=True),
    ),
    "trap: the answers to imitate do not earn the reward": Scenario(
        {"rows.jsonl": [{**row, **label} for row, label in zip(replies(200), labelled(200), strict=True)]},
        ("SFT",),
        ("sft",),
        {"GRPO": ("match reads label", "0% of the answers to imitate", "--columns completion=label")},
    ),
    "trap: a team of one that wants to rank": Scenario(
        {"prompts.jsonl": prompts(150)},
        ("DPO",),
        (*RANKED, "dpo"),
        {"RLHF": ("agreement of one person cannot be measured", "second"), "DPO": ("nobody can say how sure",)},
        Answers(people=1, preferences="broad", strict=True),
    ),
    "trap: nobody ranks, and broad preferences are wanted": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"RLHF": ("nobody can rank",), "DPO": ("200 pairs at least",)},
        Answers(people=0, preferences="broad", strict=True),
    ),
    "trap: forty examples": Scenario(
        {"replies.jsonl": replies(40)},
        ("SFT",),
        ("sft",),
        {"SFT": ("40 rows are few", "few-shot", "6 of 8 right", "460 more")},
        notes=("adapters (LoRA): few rows",),
    ),
    "trap: forty examples, and people who rank what comes of them": Scenario(
        {"replies.jsonl": replies(40), "prompts.jsonl": prompts(150)},
        ("SFT", "RLHF"),
        ("sft", *RANKED, "reward", "ppo"),
        {"SFT": ("40 rows are few",), "RLHF": ("broad",)},
        Answers(people=3, preferences="broad"),
        base=True,
        notes=("adapters (LoRA): few rows",),
    ),
    "trap: forty examples for an assistant of many tasks": Scenario(
        {"many.jsonl": many_tasks(40)},
        ("SFT",),
        ("sft",),
        {"IFT": ("2,000 rows or so", "20 task types")},
        Answers(tasks="many"),
    ),
    "trap: answers that contradict each other": Scenario(
        {"rows.jsonl": contradictory(200, 0.05)},
        ("SFT",),
        ("sft",),
        {"SFT": ("10 rows contradict", "mend them first")},
        Answers(checkable=False),
    ),
    "trap: answers half of which contradict each other": Scenario(
        {"rows.jsonl": contradictory(200, 0.5)},
        (),
        (),
        {"SFT": ("100 of 300 rows contradict", "learns neither")},
        Answers(checkable=False),
    ),
    "trap: one task under many names": Scenario(
        {"rows.jsonl": many_names(300)},
        ("SFT",),
        ("sft",),
        {"IFT": ("12 task names", "names are no breadth", "20 task types")},
        Answers(tasks="many"),
    ),
    "trap: reversed pairs": Scenario(
        {"pairs.jsonl": reversed_pairs(300)}, (), (), {"DPO": ("60 of 300 pairs", "reversals", "ask people again")}
    ),
    "trap: circles": Scenario(
        {"pairs.jsonl": circles(300)},
        (),
        (),
        {"DPO": ("300 of 300 pairs are circles",), "RLHF": ("circles",)},
        Answers(preferences="broad"),
    ),
    "trap: people who do not agree": Scenario(
        {"judged.jsonl": judged(240, agree=False)}, (), (), {"DPO": ("3 people agree little", "sharpen the guideline")}
    ),
    "trap: pairs of identical sides": Scenario(
        {"pairs.jsonl": same_pairs(390)},
        ("DPO",),
        ("dpo",),
        {"DPO": ("260 pairs say", "130 pairs have the same answer")},
    ),
    "trap: too few pairs": Scenario(
        {"pairs.jsonl": pairs(80)}, (), (), {"DPO": ("80 pairs are few", "200 pairs at least")}
    ),
    "trap: nothing but refusals": Scenario(
        {"rows.jsonl": refusals(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("100% of the answers refuse", "mix in answered rows")},
    ),
    "trap: unpaired answers, good and bad": Scenario(
        {"rows.jsonl": [{**row, "label": n % 2 == 0} for n, row in enumerate(replies(200))]},
        (),
        (),
        {"SFT": ("marked good or bad", "pair them for DPO")},
        Answers(checkable=False),
    ),
    "trap: no data at all": Scenario({}, (), (), {"SFT": ("100 rows with a right answer at least",)}, base=True),
    "trap: no data, but a check and people": Scenario(
        {},
        (),
        (),
        {"GRPO": ("100 prompts at least",), "RLHF": ("100 prompts at least",), "IFT": ("2,000 rows", "there are none")},
        Answers(checkable=True, people=3, preferences="broad", tasks="many"),
    ),
    "trap: a file of no convention beside one that is known": Scenario(
        {"strange.jsonl": strange(200), "replies.jsonl": replies(200)},
        ("SFT",),
        ("sft",),
        {"SFT": ("right outputs",)},
        notes=("--columns prompt=left,completion=right",),
    ),
    "trap: evaluation rows among the training rows": Scenario(
        {"replies.jsonl": replies(200)},
        ("SFT",),
        ("sft",),
        {"SFT": ("right outputs",)},
        against={"test.jsonl": replies(5)},
    ),
    "trap: GRPO on a model that is never right": Scenario(
        {"asked.jsonl": asked_sums(150)},
        (),
        (),
        {"GRPO": ("right in 0%", "all rewards would be equal", "demonstrations (SFT) first")},
        Answers(success=0.0),
    ),
    "trap: a model that needs adapters here": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("base model",)},
        model="some/base-3B",
        notes=("adapters (LoRA): all weights would take",),
    ),
    "trap: a model too large for this machine": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("base model",)},
        model="some/base-7B",
        notes=("too large for this machine even with adapters", "a GPU of 48 GiB", "in 4 bits"),
    ),
    "trap: a model that one GPU holds in 4 bits alone": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("base model",)},
        model="some/base-32B",
        machine=SERVER,
        notes=("adapters (LoRA)", "in 4 bits"),
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def advice_on(scenario: Scenario, folder: Path, base: Path, instruct: Path) -> Advice:
    """The advice, its recipe beside the data."""
    model = scenario.model or str(base if scenario.base else instruct)
    found = advise(
        write(folder, scenario.files),
        scenario.answers,
        goal=scenario.goal,
        model=model,
        against=write(folder, scenario.against),
        folder=folder,
        screen=Screen(quiet=True),
        machine=scenario.machine,
    )
    if found.recipe is not None:
        (folder / "recipe.yaml").write_text(found.recipe)
    return found


def kinds_in(recipe: str | None) -> list[str]:
    """The recipe's kinds of stages, the audit first."""
    return [] if recipe is None else [stage["kind"] for stage in yaml.safe_load(recipe)["stages"].values()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_advice_its_reasons_and_a_recipe_that_validates(
    name: str, folder: Path, base: Path, instruct: Path, posttrain: Posttrain
) -> None:
    scenario = SCENARIOS[name]
    advice = advice_on(scenario, folder, base, instruct)
    assert advice.stack == scenario.stack
    for opinion in advice.opinions:
        said = "\n".join((*opinion.because, *opinion.but, *opinion.missing))
        assert said, f"{opinion.technique} has no reason"
        for words in scenario.says.get(opinion.technique, ()):
            assert words in said, f"{opinion.technique}: {said}"
    for words in scenario.notes:
        assert words in "\n".join(advice.notes)
    assert kinds_in(advice.recipe) == (["audit", *scenario.stages] if scenario.stages else [])
    if advice.recipe is not None:
        if scenario.model is None:
            answer = posttrain("validate", str(folder / "recipe.yaml"))
            assert answer.code == 0, answer.err
        else:  # a model that is not here, so that only the recipe itself can be checked
            load_recipe(folder / "recipe.yaml")
        assert len(advice.costs) >= 1


RUN = [
    name
    for name, scenario in SCENARIOS.items()
    if scenario.stages and scenario.model is None and not scenario.against and "code" not in name
]
"""Scenarios whose recipes run as they are: not those of models too large, of leaks (below), or that need a sandbox."""

QUICK = {"sft": 2, "ift": 2, "dpo": 2, "reward": 2, "ppo": 1, "grpo": 1}
"""Steps of each kind of stage."""


def quick(folder: Path, *more: str) -> list[str]:
    """Overrides that make a recipe short: a step or two a stage, short completions, six prompts to rank."""
    stages = yaml.safe_load((folder / "recipe.yaml").read_text())["stages"]
    sets = [f"stages.{kind}.max_steps={steps}" for kind, steps in QUICK.items() if kind in stages]
    sets += [f"stages.{kind}.max_new_tokens=8" for kind in ("candidates", "ppo", "grpo") if kind in stages]
    if "candidates" in stages:
        source = stages["candidates"]["data"][0]
        few = {"path": source} if isinstance(source, str) else source
        sets.append(f"stages.candidates.data={json.dumps({**few, 'rows': 6})}")
    return [part for text in (*sets, *more) for part in ("--set", text)]


@pytest.mark.parametrize("name", RUN)
def test_the_recipe_runs_to_its_end_or_to_where_people_come_in(
    name: str, folder: Path, base: Path, instruct: Path, posttrain: Posttrain
) -> None:
    scenario = SCENARIOS[name]
    advice_on(scenario, folder, base, instruct)
    answer = posttrain("run", str(folder / "recipe.yaml"), "--out", str(folder / "out"), *quick(folder))
    assert answer.code == (3 if "candidates" in scenario.stages else 0), answer.err
    done = {path.parent.name for path in (folder / "out/stages").glob("*/stage.json")}
    if "candidates" in scenario.stages:
        assert "waiting for people" in answer.err
        assert done == {"check", "candidates", *scenario.stages[: scenario.stages.index("candidates")]}
    else:
        assert "waiting" not in answer.err
        assert done == {"check", *scenario.stages}


def test_every_shape_of_recipe_is_among_those_that_run() -> None:
    shapes = {scenario.stages for scenario in SCENARIOS.values() if scenario.stages}
    assert shapes == {SCENARIOS[name].stages for name in RUN}


@pytest.mark.parametrize("name", [name for name in RUN if "ppo" in SCENARIOS[name].stages])
def test_once_people_have_ranked_the_advised_recipe_goes_on_to_its_end(
    name: str, folder: Path, base: Path, instruct: Path, posttrain: Posttrain
) -> None:
    advice_on(SCENARIOS[name], folder, base, instruct)
    sets = quick(folder, *(["stages.rank.simulated=2"] if "rank" in SCENARIOS[name].stages else []))
    answer = posttrain("run", str(folder / "recipe.yaml"), "--out", str(folder / "out"), *sets)
    assert answer.code == 0, answer.err
    assert list((folder / "out/stages/ppo/model").glob("*model.safetensors"))


def test_a_leak_stops_the_run_until_the_rows_are_dropped(folder: Path, instruct: Path, posttrain: Posttrain) -> None:
    scenario = SCENARIOS["trap: evaluation rows among the training rows"]
    advice = advice_on(scenario, folder, instruct, instruct)
    assert advice.recipe is not None
    assert "# Mend first, or the run stops: 5 rows to train on ask what an evaluation row asks" in advice.recipe
    command = ("run", str(folder / "recipe.yaml"), "--out", str(folder / "out"), "--set", "stages.sft.max_steps=1")
    answer = posttrain(*command)
    assert answer.code == 2
    assert "leakage-exact: 5" in answer.err
    write(folder, {"replies.jsonl": replies(200)[5:]})
    assert posttrain(*command).code == 0


def test_a_contradiction_between_answers_is_one_sentence(folder: Path, instruct: Path) -> None:
    with pytest.raises(InputError, match="--not-checkable contradicts --reward math"):
        advise(
            [], Answers(checkable=False, reward="math"), model=str(instruct), folder=folder, screen=Screen(quiet=True)
        )
