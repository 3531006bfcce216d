"""On-policy distillation by the command line: a student comes nearer to its teacher on held-out prompts."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from command_line import Posttrain

RECIPE = """\
model: student
stages:
  distill:
    kind: distill
    data: openings.jsonl
    template: raw
    validation: 0.25
    teacher: {teacher}
    max_new_tokens: 8
    num_generations: 4
    batch_size: 8
    epochs: 100
    max_steps: {steps}
    eval_every: 1000
    learning_rate: 2.0e-3
    show_every: 0
"""
NAMES = ("Tom", "Lily", "Ben", "Sue", "Max", "Anna", "Tim", "Mia", "Sam", "Amy", "Joe", "Zoe")
HELD_OUT = ("Eve", "Bob", "Kim", "Leo")
"""Names of prompts outside the data."""


@pytest.fixture
def stories(work: Path, data_dir: Path) -> Path:
    """A teacher, and as its student the same model with noise on its weights."""
    teacher = data_dir / "models" / "stories260K"
    model = AutoModelForCausalLM.from_pretrained(teacher)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2 * weight.std())
    model.save_pretrained(work / "student")
    AutoTokenizer.from_pretrained(teacher).save_pretrained(work / "student")
    rows = [{"prompt": f"{start} {name}"} for start in ("Once upon a time,", "One day,") for name in NAMES]
    (work / "openings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return teacher


def exact_kl(student: Path, teacher: Path) -> float:
    """The reverse KL in nats per completion, summed over the vocabulary at each token of sampled completions.

    It has less noise than `eval_kl`: only the completions are sampled, and each held-out prompt has eight of them.
    """
    tokenizer = AutoTokenizer.from_pretrained(teacher)
    policy, other = (AutoModelForCausalLM.from_pretrained(folder).eval() for folder in (student, teacher))
    torch.manual_seed(0)
    totals: list[torch.Tensor] = []
    for prompt in (f"{start} {name}" for start in ("Once upon a time,", "One day,") for name in HELD_OUT):
        ids = torch.tensor([tokenizer(prompt)["input_ids"]] * 8)
        first = ids.shape[1]
        with torch.no_grad():
            for _ in range(8):
                drawn = torch.multinomial(policy(ids).logits[:, -1].softmax(-1), 1)
                ids = torch.cat([ids, drawn], dim=1)
            p, q = (model(ids).logits[:, first - 1 : -1].log_softmax(-1) for model in (policy, other))
        totals.append((p.exp() * (p - q)).sum((1, 2)))
    return float(torch.cat(totals).mean())


def test_the_student_comes_nearer_to_its_teacher_on_held_out_prompts(
    stories: Path, work: Path, posttrain: Posttrain
) -> None:
    """Sixteen completions a prompt give a gradient with little noise: the KL falls by half, for each seed tried."""
    (work / "recipe.yaml").write_text(RECIPE.format(teacher=stories, steps=24))
    answer = posttrain("run", "recipe.yaml", "--out", "out", "--json", "--set", "stages.distill.num_generations=16")
    assert answer.code == 0, answer.err
    assert "eval_reward" not in json.loads(answer.out)["distill"]
    before, after = exact_kl(work / "student", stories), exact_kl(work / "out/stages/distill/model", stories)
    assert after < 0.65 * before, (before, after)


def test_a_teacher_with_another_tokenizer_is_refused(stories: Path, work: Path, posttrain: Posttrain) -> None:
    (work / "other").mkdir()
    tokenizer, model = AutoTokenizer.from_pretrained(stories), AutoModelForCausalLM.from_pretrained(stories)
    model.resize_token_embeddings(513)
    model.save_pretrained(work / "other")
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(work / "other")
    (work / "recipe.yaml").write_text(RECIPE.format(teacher="other", steps=1))
    answer = posttrain("run", "recipe.yaml", "--out", "out")
    assert answer.code == 2
    assert "stages.distill.teacher: other has a larger vocabulary, 513 tokens against 512" in answer.err


def test_the_plan_counts_the_teachers_memory(stories: Path, work: Path, posttrain: Posttrain) -> None:
    (work / "recipe.yaml").write_text(RECIPE.format(teacher=stories, steps=1))
    answer = posttrain("plan", "recipe.yaml")
    assert answer.code == 0, answer.err
    assert "teacher" in answer.out
