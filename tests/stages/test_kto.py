"""A KTO stage separates good answers from bad ones, ends with the same bytes after a stop, and notes its balance."""

import json
from pathlib import Path

import pytest

from byte_model import save_byte_model
from posttrain.console import Screen
from posttrain.errors import InputError, Stopped
from posttrain.recipe.stages.dpo import DPOStage
from posttrain.recipe.stages.kto import KTOStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.dpo import RUNNER as DPO
from posttrain.stages.kto import RUNNER, balance_notes


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_byte_model(tmp_path_factory.mktemp("byte") / "model"))


class Notes(Screen):
    """A screen that keeps the notes."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def context_of(folder: Path, name: str, model: str, *, stop_after: int = 10**9) -> Context:
    calls = iter(range(10**9))
    return Context("kto", folder / name, folder, model, 0, stop=lambda: next(calls) >= stop_after, screen=Notes())


def stage_of(**more: object) -> KTOStage:
    values = {"kind": "kto", "data": "rows.jsonl", "template": "plain", "validation": 0.25, "epochs": 4}
    values |= {"batch_size": 8, "learning_rate": 3e-3, "beta": 0.5, "save_every": 2, "eval_every": 100}
    return KTOStage.model_validate({**values, **more})


def write_rows(folder: Path, labels: list[bool]) -> None:
    rows = [
        {"prompt": f"say {n:02}", "completion": "yes" if label else "no!", "label": label}
        for n, label in enumerate(labels)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_good_answers_gain_and_a_stopped_run_ends_with_the_same_bytes(tmp_path: Path, model: str) -> None:
    write_rows(tmp_path, [n % 2 == 0 for n in range(32)])
    figures: dict[str, Figure] = RUNNER.run(stage_of(), context_of(tmp_path, "whole", model))
    good, bad = (figures[f"eval_rewards/{side}"] for side in ("chosen", "rejected"))
    assert good.before == pytest.approx(0, abs=1e-3)
    assert good.after is not None
    assert bad.after is not None
    assert good.after > bad.after + 0.5
    assert good.of == bad.of == "completions"
    with pytest.raises(Stopped):
        RUNNER.run(stage_of(), context_of(tmp_path, "cut", model, stop_after=4))
    RUNNER.run(stage_of(), context_of(tmp_path, "cut", model))
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]
    samples = json.loads((tmp_path / "whole" / "samples.json").read_text())
    assert {sample["target"] for sample in samples} <= {"yes", None}  # a bad answer is no target


def test_a_plan_names_the_weight_that_balances_the_labels(tmp_path: Path, model: str) -> None:
    write_rows(tmp_path, [n % 4 > 0 for n in range(32)])
    context = context_of(tmp_path, "plan", model)
    RUNNER.preview(stage_of(validation=None), context)
    notes: list[str] = context.screen.notes  # type: ignore[attr-defined]
    assert any("24 rows are true and 8 false" in note and "undesirable_weight: 2.25" in note for note in notes)


@pytest.mark.parametrize(
    ("true", "false", "weights", "words"),
    [
        (10, 10, {}, ""),
        (40, 30, {}, ""),
        (41, 30, {}, "undesirable_weight: 1.03"),
        (10, 40, {}, "desirable_weight: 4"),
        (10, 40, {"desirable_weight": 4}, ""),
        (10, 40, {"undesirable_weight": 0.2}, ""),
        (10, 40, {"undesirable_weight": 0.1}, "undesirable_weight: 0.19"),
        (9, 0, {}, "all 9 rows are true"),
        (0, 9, {}, "all 9 rows are false"),
    ],
)
def test_the_note_on_the_balance(true: int, false: int, weights: dict[str, float], words: str) -> None:
    notes = balance_notes(stage_of(**weights), true, false)
    assert len(notes) == bool(words)
    assert all(words in note for note in notes)


def test_one_row_is_too_few(tmp_path: Path, model: str) -> None:
    write_rows(tmp_path, [True])
    with pytest.raises(InputError, match="KTO needs two rows or more"):
        RUNNER.run(stage_of(validation=None), context_of(tmp_path, "run", model))


@pytest.mark.parametrize("loss", ["simpo", "orpo"])
def test_a_reference_free_dpo_stage_computes_no_reference(
    tmp_path: Path, model: str, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"prompt": f"say {n:02}", "chosen": "yes", "rejected": "no!"} for n in range(16)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr("posttrain.stages.training.reference_logprobs", None)
    values = {"kind": "dpo", "data": "rows.jsonl", "template": "plain", "validation": 0.25, "epochs": 2}
    stage = DPOStage.model_validate({**values, "batch_size": 4, "learning_rate": 3e-3, "beta": 2, "loss": loss})
    figures: dict[str, Figure] = DPO.run(stage, context_of(tmp_path, loss, model))
    margins = figures["eval_rewards/margins"]
    assert margins.before is not None
    assert margins.after is not None
    assert margins.after > margins.before
