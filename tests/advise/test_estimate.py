"""Memory and time: as in `posttrain plan` for a model on disk, orders of magnitude for one known by name."""

import json
from pathlib import Path

import pytest

from advising import LAPTOP, SERVER, pairs, prompts, sums, write
from command_line import Posttrain
from posttrain.advise.advice import Advice, advise
from posttrain.advise.answers import Answers
from posttrain.advise.fit import smallest_gpu
from posttrain.advise.machine import Machine
from posttrain.advise.start_model import assumed_shape, size_in_name
from posttrain.console import Screen
from posttrain.policy.memory import estimate
from posttrain.policy.options import PolicyOptions


def advice(
    folder: Path, model: str, answers: Answers | None = None, machine: Machine = LAPTOP, **files: list[dict[str, str]]
) -> Advice:
    paths = write(folder, {f"{name}.jsonl": rows for name, rows in files.items()})
    return advise(paths, answers or Answers(), model=model, folder=folder, screen=Screen(quiet=True), machine=machine)


def test_memory_of_a_model_on_disk_is_that_of_the_plan(tmp_path: Path, base: Path, posttrain: Posttrain) -> None:
    result = advice(tmp_path, str(base), sums=sums(150), pairs=pairs(250))
    assert result.recipe is not None
    (tmp_path / "recipe.yaml").write_text(result.recipe)
    answer = posttrain("plan", str(tmp_path / "recipe.yaml"), "--json")
    assert answer.code == 0, answer.err
    plans = {plan["stage"]: plan for plan in json.loads(answer.out)}
    assert [cost.stage for cost in result.costs] == ["sft", "dpo", "grpo"]
    for cost in result.costs:
        assert cost.memory == pytest.approx(plans[cost.stage]["memory_bytes"]["total"], rel=0.1)
        rows = sum(part["groups"] for part in plans[cost.stage]["parts"].values())
        assert cost.rows == rows


SHAPES = {  # name → (parameters, hidden width, inner width, layers) of released models
    "0.5B": (494e6, 896, 4864, 24),
    "1.1B": (1.1e9, 2048, 5632, 22),
    "7B": (6.74e9, 4096, 11008, 32),
    "70B": (69e9, 8192, 28672, 80),
}


@pytest.mark.parametrize("name", SHAPES)
def test_activations_of_a_model_known_by_name_are_within_a_factor_of_two(name: str) -> None:
    parameters, width, inner, layers = SHAPES[name]
    parts = estimate(assumed_shape(int(parameters)), PolicyOptions(), row_tokens=1, scored=False)
    real = 4 * (layers * (11 * width + 4 * inner) + width)
    assert 0.5 <= parts["activations"] / real <= 2
    assert parts["weights"] == 4 * int(parameters)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 500_000_000),
        ("HuggingFaceTB/SmolLM2-360M", 360_000_000),
        ("meta-llama/Llama-3.1-70B", 70_000_000_000),
        ("openai-community/gpt2", None),
        ("some/model-v2.5", None),
    ],
)
def test_the_size_is_read_from_the_name(name: str, size: int | None) -> None:
    assert size_in_name(name) == size


def test_time_grows_with_rows_and_model_size_and_falls_with_speed(tmp_path: Path) -> None:
    def seconds(model: str, rows: int, machine: Machine = LAPTOP) -> float:
        (cost,) = advice(tmp_path, model, Answers(checkable=False), machine, sums=sums(rows)).costs
        taken = cost.seconds(machine.speed, machine.device)
        assert taken is not None
        return taken

    least = seconds("some/base-0.1B", 1000)
    assert seconds("some/base-0.1B", 2000) == pytest.approx(2 * least, rel=0.1)
    assert seconds("some/base-1B", 1000) > 5 * least
    assert seconds("some/base-0.1B", 1000, SERVER) < least / 100


def test_ranking_takes_a_minute_per_prompt_and_person(tmp_path: Path, instruct: Path) -> None:
    result = advice(tmp_path, str(instruct), Answers(people=3, preferences="broad"), prompts=prompts(150))
    people = {cost.stage: cost.people for cost in result.costs}
    assert people["rank"] == 150 * 2 * 60.0
    assert sum(people.values()) == people["rank"]


def test_a_model_of_unknown_size_gets_a_note_and_no_costs(tmp_path: Path) -> None:
    result = advice(tmp_path, "some/model", sums=sums(150))
    assert all(cost.memory is None and cost.seconds(1.0, "cpu") is None for cost in result.costs)
    assert result.notes[0].startswith("some/model: its size is unknown")
    assert result.recipe is not None


def test_the_smallest_gpu_that_holds_a_need_is_named() -> None:
    assert smallest_gpu(10 * 2**30) == "a GPU of 16 GiB"
    assert smallest_gpu(30 * 2**30) == "a GPU of 48 GiB"
    assert smallest_gpu(200 * 2**30) == "more than one GPU of 141 GiB"
