"""What a stage's run shows of the model itself: answers before and after, lines where there is no terminal."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from command_line import Posttrain

QUICK = ("--out", "out", "--set", "stages.sft.epochs=4", "--set", "stages.sft.learning_rate=1e-2")


def samples(work: Path) -> list[dict[str, Any]]:
    return json.loads((work / "out/stages/sft/samples.json").read_text())


def greedy(folder: Path, prompt: str, room: int) -> str:
    """By transformers alone, with `room` tokens at most."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    messages = [{"role": "user", "content": prompt}]
    read = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**read, do_sample=False, max_new_tokens=room)[0, read["input_ids"].shape[1] :]
    return tokenizer.decode(written).removesuffix(tokenizer.eos_token).strip()  # what was written, the end aside


def test_three_held_out_prompts_are_answered_before_and_after(work: Path, posttrain: Posttrain) -> None:
    answer = posttrain("run", "recipe.yaml", *QUICK)
    assert answer.code == 0, answer.err
    rows = [json.loads(line) for line in (work / "train.jsonl").read_text().splitlines()]
    shown = samples(work)
    assert [one["part"] for one in shown] == ["validation"] * 3
    room = 2 * max(len(one["target"]) + 1 for one in shown)  # in bytes, which are this model's tokens, and the end
    for one in shown:
        row = rows[int(one["where"].rpartition(":")[2]) - 1]
        assert row["prompt"] in one["prompt"]
        assert one["target"] == row["completion"]
        assert one["before"] == greedy(work / "model", row["prompt"], room)
        assert one["after"] == greedy(work / "out/stages/sft/model", row["prompt"], room)
        assert one["where"] in answer.err


def test_without_held_out_rows_the_prompts_are_of_the_training_rows(work: Path, posttrain: Posttrain) -> None:
    sets = ("validation=null", "batch_size=1", "max_steps=4")
    answer = posttrain("run", "recipe.yaml", *QUICK, *(word for s in sets for word in ("--set", f"stages.sft.{s}")))
    assert [one["part"] for one in samples(work)] == ["train"] * 3
    assert "training row" in answer.err


def test_a_resumed_stage_keeps_the_answers_of_the_model_it_started_from(work: Path, posttrain: Posttrain) -> None:
    assert posttrain("run", "recipe.yaml", *QUICK).code == 0
    file, stage = work / "out/stages/sft/samples.json", work / "out/stages/sft/stage.json"
    first, kept = samples(work), [{**one, "before": "kept"} for one in samples(work)]
    file.write_text(json.dumps(kept))
    stage.unlink()
    assert posttrain("run", "recipe.yaml", *QUICK).code == 0
    assert [one["before"] for one in samples(work)] == ["kept"] * 3
    assert [one["after"] for one in samples(work)] == [one["after"] for one in first]


def test_the_first_tokens_loss_is_that_of_transformers(work: Path, posttrain: Posttrain) -> None:
    rows = [{"prompt": f"Tell {n}", "completion": f"{n} it is"} for n in range(5)]
    (work / "held.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert posttrain("run", "recipe.yaml", *QUICK, "--set", "stages.sft.validation=held.jsonl").code == 0
    figure = json.loads((work / "out/summary.json").read_text())["sft"]["eval_first_token_loss"]
    tokenizer, model = AutoTokenizer.from_pretrained("model"), AutoModelForCausalLM.from_pretrained("model")
    losses: list[float] = []
    for row in rows:
        messages = [{"role": "user", "content": row["prompt"]}]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        tokens = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        first = tokenizer(row["completion"], add_special_tokens=False)["input_ids"][0]
        losses.append(-torch.log_softmax(model(tokens).logits[0, -1], -1)[first].item())
    assert (figure["n"], figure["unit"], figure["of"]) == (5, "nats", "answers")
    assert figure["before"] == pytest.approx(sum(losses) / 5, abs=1e-4)


@pytest.mark.parametrize("steps", [2, 30])
def test_without_a_terminal_progress_is_lines(steps: int, work: Path, posttrain: Posttrain) -> None:
    sets = ("--set", f"stages.sft.max_steps={steps}", "--set", "stages.sft.epochs=10")
    answer = posttrain("run", "recipe.yaml", "--out", "out", *sets)
    lines = [line for line in answer.err.splitlines() if line.strip().startswith("training: ")]
    assert len(lines) >= min(steps, 10)
    assert f"{steps} of {steps}" in lines[-1]
    evaluated = [line for line in answer.err.splitlines() if "eval_loss" in line]
    assert len(evaluated) == min(steps, 10)
