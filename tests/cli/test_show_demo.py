"""The demo's tables: each stage's figures, and one question that its stage taught."""

from pathlib import Path

import pytest

from posttrain.cli.show_demo import EXAMPLES, show_demo
from posttrain.evaluate.sample import Sample, write_samples
from posttrain.stages.context import Figure

STAGES = ("base", "sft", "ift", "dpo", "orders", "grpo")


def summary() -> dict[str, dict[str, Figure]]:
    """The figures that the demo shows, each with a value of its own."""
    values: dict[str, dict[str, Figure]] = {stage: {} for stage in (*STAGES[1:], "ppo", "reward")}
    for suite in (
        "facts",
        "instructions_seen",
        "instructions_unseen",
        "asks/refused",
        "asks/over_refused",
    ):
        values["sft"][suite] = Figure(0.01, 0.11, 100)
        values["ift"][suite] = Figure(0.11, 0.22, 100)
        values["dpo"][suite] = Figure(0.22, 0.33, 100)
    values["grpo"]["orders"] = Figure(0.54, 0.92, 200)
    for name in ("eval_reward", "eval_gold/rule", "eval_kl"):
        values["ppo"][name] = Figure(0.0, 3.5, 100)
    values["reward"] = {
        "eval_accuracy": Figure(None, 0.95, 360),
        "eval_longer_wins_accuracy": Figure(None, 0.54, 360),
    }
    return values


def write_answers(out: Path) -> None:
    """Answers to three questions per suite: always right, right only at the last stage, right from the teacher on."""
    for suite, stages, teacher in EXAMPLES:
        for number, stage in enumerate(stages):
            right = {
                "always": True,
                "late": number == len(stages) - 1 and teacher != stages[-1],
                "taught": number >= stages.index(teacher),
            }
            folder = (out / "base" if stage == "base" else out / "stages" / stage) / "behaviour"
            folder.mkdir(parents=True, exist_ok=True)
            samples = [
                Sample(name, 0, None, None, f"{name} {suite}?", None, f"{name} {stage}", {"right": float(value)})
                for name, value in right.items()
            ]
            write_samples(folder / f"samples_{suite}.jsonl", samples)


def test_the_demo_shows_every_figure_and_the_question_that_a_stage_taught(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    write_answers(tmp_path)
    show_demo(summary(), tmp_path, ranked=10)
    output = capsys.readouterr().out
    for words in ("1%", "11%", "22%", "33%", "54%", "92%", "3.50", "95% of 360", "You ranked 10"):
        assert words in output
    for suite, stages, _ in EXAMPLES:
        assert f"taught {suite}?" in output
        assert all(f"taught {stage}" in output for stage in stages)
    assert "always" not in output
    assert "late " not in output
    assert "None" not in output
