"""The advice in each technique's own case, in mixtures and in traps. Each recipe validates; each shape of it runs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from advising import (
    LAPTOP,
    SERVER,
    contradictory,
    cycles,
    functions,
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
    sum_prompts,
    sums,
    vague_answers,
    write,
)
from command_line import Posttrain
from posttrain.advise.advice import Advice, advise
from posttrain.advise.answers import Answers
from posttrain.advise.decide import Opinion
from posttrain.advise.machine import Machine
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.recipe.load import load_recipe

Files = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Scenario:
    """A case, and the advice that it should get.

    Args:
        files: name → rows.
        stack: the advised techniques.
        stages: kinds of the recipe's stages after the audit; empty without a recipe.
        reasons: technique → rules that must hold, as "rule" or "rule: words of its reason".
        notes: words of the advice's notes.
    """

    files: Files
    stack: tuple[str, ...]
    stages: tuple[str, ...]
    reasons: Mapping[str, tuple[str, ...]]
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
        {"SFT": ("one_task",), "IFT": ("otherwise",)},
    ),
    "SFT: records of one form that a program cannot check": Scenario(
        {"records.jsonl": records(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("one_form: JSON", "enough: 200 more"), "GRPO": ("otherwise",)},
        Answers(checkable=False),
    ),
    "IFT: many kinds of request": Scenario(
        {"many.jsonl": many_tasks(360)},
        ("IFT",),
        ("ift",),
        {"IFT": ("many_wanted: kinds of request", "enough: 1,640 more"), "SFT": ("many_tasks: IFT",)},
    ),
    "IFT: named tasks, one of them held out": Scenario(
        {"named.jsonl": named_tasks(360)},
        ("IFT",),
        ("ift",),
        {"IFT": ("many_wanted",)},
        Answers(tasks="many"),
        base=True,
    ),
    "DPO: a fixed set of pairs about refusals": Scenario(
        {"pairs.jsonl": pairs(300)},
        ("DPO",),
        ("dpo",),
        {"DPO": ("pairs: 300 pairs", "strict"), "RLHF": ("otherwise",)},
        Answers(strict=True),
    ),
    "RLHF: broad preferences, three people, prompts": Scenario(
        {"prompts.jsonl": prompts(150)},
        ("RLHF",),
        (*RANKED, "reward", "ppo"),
        {"RLHF": ("broad: KL",), "DPO": ("explore: RLHF",)},
        Answers(people=3, preferences="broad", strict=True),
    ),
    "RLHF: broad preferences, and pairs enough for a reward model": Scenario(
        {"pairs.jsonl": pairs(300), "prompts.jsonl": prompts(150)},
        ("RLHF",),
        ("reward", "ppo"),
        {"RLHF": ("broad",), "DPO": ("explore: RLHF",)},
        Answers(people=2, preferences="broad"),
    ),
    "GRPO: numbers that can be checked": Scenario(
        {"sums.jsonl": sum_prompts(150)},
        ("GRPO",),
        ("grpo",),
        {"GRPO": ("checkable: number", "checkable: reward math reads 100%", "checkable: no people"), "SFT": ("bare",)},
    ),
    "SFT and GRPO: labels": Scenario(
        {"labelled.jsonl": labelled(150)},
        ("SFT", "GRPO"),
        ("sft", "grpo"),
        {"SFT": ("one_form: label",), "GRPO": ("checkable: one of 3 labels", "checkable: reward match")},
    ),
    "GRPO: code with tests": Scenario(
        {"functions.jsonl": functions(120)}, ("GRPO",), ("grpo",), {"GRPO": ("checkable: code with tests",)}
    ),
    "GRPO: a model that is sometimes right needs no SFT": Scenario(
        {"sums.jsonl": sums(150)},
        ("GRPO",),
        ("grpo",),
        {"SFT": ("right_at_times: 30%",), "GRPO": ("checkable: reward math",)},
        Answers(success=0.3),
    ),
    # mixtures
    "SFT then GRPO: a base model and answers that can be checked": Scenario(
        {"sums.jsonl": sums(150)},
        ("SFT", "GRPO"),
        ("sft", "grpo"),
        {"SFT": ("base_model",), "GRPO": ("checkable: reward math",)},
        base=True,
    ),
    "SFT then GRPO: never right yet, but with answers to imitate": Scenario(
        {"records.jsonl": records(150)},
        ("SFT", "GRPO"),
        ("sft", "grpo"),
        {"SFT": ("one_form: JSON",), "GRPO": ("checkable: json_fields reads 100%",)},
        Answers(success=0.0),
    ),
    "SFT then DPO: replies, and pairs about their tone": Scenario(
        {"replies.jsonl": replies(150), "pairs.jsonl": pairs(250)},
        ("SFT", "DPO"),
        ("sft", "dpo"),
        {"SFT": ("one_task",), "DPO": ("pairs: 250 pairs", "strict: tone")},
        goal="Answer reports in our house's tone",
    ),
    "SFT then DPO: a base model with pairs alone first imitates the chosen answers": Scenario(
        {"pairs.jsonl": pairs(300)},
        ("SFT", "DPO"),
        ("sft", "dpo"),
        {"SFT": ("base_model",), "DPO": ("pairs: 300 pairs",)},
        base=True,
    ),
    "IFT then GRPO: many kinds of task, one of which can be checked": Scenario(
        {"many.jsonl": many_tasks(360), "sums.jsonl": sums(120)},
        ("IFT", "GRPO"),
        ("ift", "grpo"),
        {"IFT": ("many_wanted",), "GRPO": ("checkable: reward math",)},
        base=True,
    ),
    "IFT then DPO: an assistant for many tasks that must refuse": Scenario(
        {"many.jsonl": many_tasks(360), "pairs.jsonl": pairs(250)},
        ("IFT", "DPO"),
        ("ift", "dpo"),
        {"IFT": ("many_wanted",), "DPO": ("strict",)},
        Answers(strict=True),
        base=True,
    ),
    "SFT then RLHF: people rank answers of the fine-tuned model": Scenario(
        {"replies.jsonl": replies(150)},
        ("SFT", "RLHF"),
        ("sft", *RANKED, "reward", "ppo"),
        {"RLHF": ("broad", "enough: 700 more rankings")},
        Answers(people=2, preferences="broad", strict=True),
        base=True,
    ),
    "SFT, DPO and GRPO: sums, and pairs about tone": Scenario(
        {"sums.jsonl": sums(150), "pairs.jsonl": pairs(250)},
        ("SFT", "DPO", "GRPO"),
        ("sft", "dpo", "grpo"),
        {"DPO": ("pairs: 250 pairs",), "GRPO": ("checkable: math",)},
        base=True,
    ),
    "DPO: people can rank, and preferences are narrow": Scenario(
        {"prompts.jsonl": prompts(150)},
        ("DPO",),
        (*RANKED, "dpo"),
        {"DPO": ("people: 2 people",)},
        Answers(people=2, preferences="narrow"),
    ),
    "DPO: verdicts of three people who agree": Scenario(
        {"judged.jsonl": judged(240, agree=True)}, ("DPO",), ("rank", "dpo"), {"DPO": ("pairs: 240 pairs",)}
    ),
    # traps
    "trap: all pairs are decided by length": Scenario(
        {"pairs.jsonl": pairs(300, longer=0.97)},
        (),
        (),
        {"DPO": ("length_decides: 97%",), "RLHF": ("length_decides: 97%",)},
        Answers(preferences="broad"),
    ),
    "trap: all pairs are decided by length, but people can rank again": Scenario(
        {"pairs.jsonl": pairs(300, longer=0.97)},
        ("DPO",),
        (*RANKED, "dpo"),
        {"DPO": ("left_out: 97%",)},
        Answers(people=2),
    ),
    "trap: pairs with a length bias are trained on with a warning": Scenario(
        {"pairs.jsonl": pairs(300, longer=0.75)},
        ("DPO",),
        ("dpo",),
        {"DPO": ("length_biased: 75%",)},
    ),
    "trap: a checkable task whose answers no reward reads": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"GRPO": ("parser: math, match, json_fields",)},
        Answers(checkable=True),
    ),
    "trap: a reward that reads half of the answers": Scenario(
        {"sums.jsonl": [{"prompt": r["prompt"], "gold": r["target"]} for r in sum_prompts(150)] + vague_answers(100)},
        (),
        (),
        {"GRPO": ("parser: math reads only 60% of gold",)},
        Answers(checkable=True),
    ),
    "trap: the answers to imitate do not earn the reward": Scenario(
        {"rows.jsonl": [{**row, **label} for row, label in zip(replies(200), labelled(200), strict=True)]},
        ("SFT",),
        ("sft",),
        {
            "GRPO": (
                "parser: match reads label",
                "parser: 0% of the answers to imitate",
                "parser: --columns completion=label",
            )
        },
    ),
    "trap: one person alone wants to rank": Scenario(
        {"prompts.jsonl": prompts(150)},
        ("DPO",),
        (*RANKED, "dpo"),
        {"RLHF": ("one_person",), "DPO": ("one_person",)},
        Answers(people=1, preferences="broad", strict=True),
    ),
    "trap: nobody ranks, and broad preferences are wanted": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"RLHF": ("nobody",), "DPO": ("pairs_or_people: 200 pairs",)},
        Answers(people=0, preferences="broad", strict=True),
    ),
    "trap: forty examples": Scenario(
        {"replies.jsonl": replies(40)},
        ("SFT",),
        ("sft",),
        {
            "SFT": (
                "few_demonstrations: 40 rows",
                "few_demonstrations: few-shot",
                "few_demonstrations: 6 of 8",
                "enough: 460 more",
            )
        },
        notes=("adapters (LoRA)", "few rows"),
    ),
    "trap: forty examples, and people who rank": Scenario(
        {"replies.jsonl": replies(40), "prompts.jsonl": prompts(150)},
        ("SFT", "RLHF"),
        ("sft", *RANKED, "reward", "ppo"),
        {"SFT": ("few_demonstrations: 40 rows",), "RLHF": ("broad",)},
        Answers(people=3, preferences="broad"),
        base=True,
        notes=("adapters (LoRA)", "few rows"),
    ),
    "trap: forty examples for an assistant of many tasks": Scenario(
        {"many.jsonl": many_tasks(40)},
        ("SFT",),
        ("sft",),
        {"IFT": ("broad_rows: 2,000 rows", "broad_rows: 20 task types")},
        Answers(tasks="many"),
    ),
    "trap: answers that contradict each other": Scenario(
        {"rows.jsonl": contradictory(200, 0.05)},
        ("SFT",),
        ("sft",),
        {"SFT": ("contradictory: 10 rows",)},
        Answers(checkable=False),
    ),
    "trap: answers half of which contradict each other": Scenario(
        {"rows.jsonl": contradictory(200, 0.5)},
        (),
        (),
        {"SFT": ("very_contradictory: 100 of 300 rows",)},
        Answers(checkable=False),
    ),
    "trap: one task under many names": Scenario(
        {"rows.jsonl": many_names(300)},
        ("SFT",),
        ("sft",),
        {"IFT": ("many_names: 12 task names", "broad_rows: 20 task types")},
        Answers(tasks="many"),
    ),
    "trap: reversed pairs": Scenario(
        {"pairs.jsonl": reversed_pairs(300)}, (), (), {"DPO": ("conflicting: 60 of 300 pairs",)}
    ),
    "trap: cycles": Scenario(
        {"pairs.jsonl": cycles(300)},
        (),
        (),
        {"DPO": ("conflicting: 300 of 300 pairs",), "RLHF": ("conflicting",)},
        Answers(preferences="broad"),
    ),
    "trap: people who do not agree": Scenario(
        {"judged.jsonl": judged(240, agree=False)},
        (),
        (),
        {"DPO": ("low_agreement: 3 people", "low_agreement: guideline")},
    ),
    "trap: pairs of identical sides": Scenario(
        {"pairs.jsonl": same_pairs(390)},
        ("DPO",),
        ("dpo",),
        {"DPO": ("pairs: 260 pairs", "same_sides: 130 pairs")},
    ),
    "trap: too few pairs": Scenario(
        {"pairs.jsonl": pairs(80)}, (), (), {"DPO": ("few_pairs: 80 pairs", "pairs_or_people: 200 pairs")}
    ),
    "trap: nothing but refusals": Scenario(
        {"rows.jsonl": refusals(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("refusals: 100%",)},
    ),
    "answers marked good or bad": Scenario(
        {"rows.jsonl": [{**row, "label": n % 2 == 0} for n, row in enumerate(replies(200))]},
        ("KTO",),
        ("kto",),
        {"SFT": ("unpaired: KTO",), "KTO": ("labels: 200 answers",)},
        Answers(checkable=False),
    ),
    "answers to imitate, and others marked good or bad": Scenario(
        {
            "rows.jsonl": replies(300),
            "thumbs.jsonl": [{**row, "label": n % 4 > 0} for n, row in enumerate(replies(400))],
        },
        ("SFT", "KTO"),
        ("sft", "kto"),
        {"KTO": ("labels: 400 answers",)},
        Answers(checkable=False),
    ),
    "trap: answers marked good alone": Scenario(
        {"rows.jsonl": [{**row, "label": True} for row in replies(200)]},
        (),
        (),
        {"SFT": ("unpaired: KTO",), "KTO": (r"both_labels: now 200 and 0",)},
        Answers(checkable=False),
    ),
    "trap: the same answers marked good and bad": Scenario(
        {"rows.jsonl": [{**row, "label": label} for row in replies(60) for label in (True, False)]},
        (),
        (),
        {"KTO": ("conflicting_labels: 120 of 120",)},
        Answers(checkable=False),
    ),
    "trap: no data at all": Scenario({}, (), (), {"SFT": ("demonstrations: 100 rows",)}, base=True),
    "trap: no data, but a check and people": Scenario(
        {},
        (),
        (),
        {
            "GRPO": ("prompts: 100 prompts",),
            "RLHF": ("prompts: 100 prompts",),
            "IFT": ("broad_rows: 2,000 rows", "broad_rows: none"),
        },
        Answers(checkable=True, people=3, preferences="broad", tasks="many"),
    ),
    "trap: a file of no convention beside one that is known": Scenario(
        {"strange.jsonl": strange(200), "replies.jsonl": replies(200)},
        ("SFT",),
        ("sft",),
        {"SFT": ("one_task",)},
        notes=("--columns prompt=left,completion=right",),
    ),
    "trap: evaluation rows among the training rows": Scenario(
        {"replies.jsonl": replies(200)},
        ("SFT",),
        ("sft",),
        {"SFT": ("one_task",)},
        against={"test.jsonl": replies(5)},
    ),
    "trap: GRPO on a model that is never right": Scenario(
        {"sums.jsonl": sum_prompts(150)},
        (),
        (),
        {"GRPO": ("never_right: 0%", "never_right: SFT")},
        Answers(success=0.0),
    ),
    "trap: a model that needs adapters here": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("base_model",)},
        model="some/base-3B",
        notes=("adapters (LoRA)", "47 GiB"),
    ),
    "trap: a model too large for this machine": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("base_model",)},
        model="some/base-7B",
        notes=("too large", "28 GiB", "a GPU of 48 GiB", "a GPU of 16 GiB with 4-bit weights"),
    ),
    "trap: a model that one GPU holds in 4 bits alone": Scenario(
        {"replies.jsonl": replies(300)},
        ("SFT",),
        ("sft",),
        {"SFT": ("base_model",)},
        model="some/base-32B",
        machine=SERVER,
        notes=("adapters (LoRA)", "4-bit weights", "512 GiB"),
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def advice_on(scenario: Scenario, folder: Path, base: Path, instruct: Path) -> Advice:
    """The advice on a scenario; its recipe is written beside the data."""
    model = scenario.model or str(base if scenario.base else instruct)
    advice = advise(
        write(folder, scenario.files),
        scenario.answers,
        goal=scenario.goal,
        model=model,
        against=write(folder, scenario.against),
        folder=folder,
        screen=Screen(quiet=True),
        machine=scenario.machine,
    )
    if advice.recipe is not None:
        (folder / "recipe.yaml").write_text(advice.recipe)
    return advice


def has_reason(opinion: Opinion, expected: str) -> bool:
    """Whether a rule holds, given as "rule" or "rule: words of its reason"."""
    rule, _, words = expected.partition(": ")
    reasons = (*opinion.because, *opinion.but, *opinion.missing)
    return any(reason.rule == rule and words in reason.text for reason in reasons)


def kinds_in(recipe: str | None) -> list[str]:
    """The kinds of the recipe's stages, the audit first; empty without a recipe."""
    return [] if recipe is None else [stage["kind"] for stage in yaml.safe_load(recipe)["stages"].values()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_advice_its_reasons_and_a_recipe_that_validates(
    name: str, folder: Path, base: Path, instruct: Path, posttrain: Posttrain
) -> None:
    scenario = SCENARIOS[name]
    advice = advice_on(scenario, folder, base, instruct)
    assert advice.stack == scenario.stack
    for opinion in advice.opinions:
        assert opinion.because or opinion.but or opinion.missing, f"{opinion.technique} has no reason"
        for expected in scenario.reasons.get(opinion.technique, ()):
            assert has_reason(opinion, expected), f"{expected}: {opinion}"
    for words in scenario.notes:
        assert words in "\n".join(advice.notes)
    assert kinds_in(advice.recipe) == (["audit", *scenario.stages] if scenario.stages else [])
    if advice.recipe is not None:
        if scenario.model is None:
            answer = posttrain("validate", str(folder / "recipe.yaml"))
            assert answer.code == 0, answer.err
        else:  # the model is not on this disk, so only the recipe itself can be checked
            load_recipe(folder / "recipe.yaml")
        assert len(advice.costs) >= 1


RUN = [
    name
    for name, scenario in SCENARIOS.items()
    if scenario.stages and scenario.model is None and not scenario.against and "code" not in name
]
"""Scenarios whose recipes run as they are: without too large models, leaks (tested below), or a need for a sandbox."""

QUICK = {"sft": 2, "ift": 2, "dpo": 2, "reward": 2, "ppo": 1, "grpo": 1}
"""Kind of stage → number of steps."""


def quick(folder: Path, *more: str) -> list[str]:
    """Overrides that make a run short: one or two steps per stage, short completions, six prompts to rank."""
    stages = yaml.safe_load((folder / "recipe.yaml").read_text())["stages"]
    sets = [f"stages.{kind}.max_steps={steps}" for kind, steps in QUICK.items() if kind in stages]
    sets += [f"stages.{kind}.max_new_tokens=8" for kind in ("candidates", "ppo", "grpo") if kind in stages]
    if "candidates" in stages:
        source = stages["candidates"]["data"][0]
        few = {"path": source} if isinstance(source, str) else source
        sets.append(f"stages.candidates.data={json.dumps({**few, 'rows': 6})}")
    return [part for text in (*sets, *more) for part in ("--set", text)]


@pytest.mark.parametrize("name", RUN)
def test_the_recipe_runs_to_its_end_or_until_people_must_rank(
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
def test_the_advised_recipe_runs_to_its_end_once_people_have_ranked(
    name: str, folder: Path, base: Path, instruct: Path, posttrain: Posttrain
) -> None:
    advice_on(SCENARIOS[name], folder, base, instruct)
    sets = quick(folder, *(["stages.rank.simulated=2"] if "rank" in SCENARIOS[name].stages else []))
    answer = posttrain("run", str(folder / "recipe.yaml"), "--out", str(folder / "out"), *sets)
    assert answer.code == 0, answer.err
    assert list((folder / "out/stages/ppo/model").glob("*model.safetensors"))


def test_a_leak_stops_the_run_until_its_rows_are_dropped(folder: Path, instruct: Path, posttrain: Posttrain) -> None:
    scenario = SCENARIOS["trap: evaluation rows among the training rows"]
    advice = advice_on(scenario, folder, instruct, instruct)
    assert advice.recipe is not None
    assert re.search(r"^# .*the run stops: 5 ", advice.recipe, re.MULTILINE)
    command = ("run", str(folder / "recipe.yaml"), "--out", str(folder / "out"), "--set", "stages.sft.max_steps=1")
    answer = posttrain(*command)
    assert answer.code == 2
    assert "leakage-exact: 5" in answer.err
    write(folder, {"replies.jsonl": replies(200)[5:]})
    assert posttrain(*command).code == 0


def test_answers_that_contradict_each_other_are_refused(folder: Path, instruct: Path) -> None:
    with pytest.raises(InputError, match=r"--not-checkable .* --reward math"):
        advise(
            [], Answers(checkable=False, reward="math"), model=str(instruct), folder=folder, screen=Screen(quiet=True)
        )
