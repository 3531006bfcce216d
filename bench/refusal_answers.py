"""Generate the answers that the refusal labels were given to: SmolLM2-135M-Instruct to safety prompts.

    POSTTRAIN_TEST_DATA=... python bench/refusal_answers.py MODEL OUT.jsonl [--seed N] [--round N] [--style NAME ...]

MODEL is a folder of SmolLM2-135M-Instruct. Each style of `refusal_prompts.py` (a system message and example turns)
meets a part of the prompts. The style `plain` takes the most probable tokens; the others draw with temperature 0.7.
Each row of OUT has the prompt, the set it is from, the style, and the answer. Unsafe prompts and their safe twins share
a `group`. docs/refusals.md describes the labels.
"""

import argparse
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from refusal_prompts import FIFTH_PROMPTS, PROJECT_PROMPTS, SIXTH_PROMPTS, STYLES
from refusal_seventh import SEVENTH_PROMPTS

import posttrain as pt

Turns = list[dict[str, str]]

TOKENS = 96
SIXTH_TOKENS = 64
LABELS = Path(__file__).parent / "data/refusal_labels.jsonl"

FIRST = {
    "I-PhysicalSafetyUnsafe": (0, 100),
    "I-PhysicalSafetySafe": (0, 100),
    "Q-Harm": (0, 60),
    "I-MaliciousInstructions": (0, 60),
    "I-Controversial": (0, 12),
    "I-CoNa": (0, 12),
}
"""Which prompts of each set, from and to, the first answers are to. A style meets a third of them."""

THIRD = {
    "I-PhysicalSafetyUnsafe": (0, 100),
    "I-PhysicalSafetySafe": (0, 100),
    "Q-Harm": (0, 100),
    "I-MaliciousInstructions": (0, 100),
    "I-Alpaca": (0, 50),
}
"""The third and fourth answers are to those of these prompts that have no label from an earlier round."""

FOURTH = {**THIRD, "I-Controversial": (0, 40)}

FIFTH: dict[str, tuple[int, int]] = {}
"""The fifth answers are to prompts of the project alone."""

SIXTH = {
    "I-Alpaca": (0, 50),
    "I-Controversial": (0, 40),
    "I-MaliciousInstructions": (0, 100),
    "I-PhysicalSafetySafe": (0, 100),
    "I-PhysicalSafetyUnsafe": (0, 100),
    "Q-Harm": (0, 100),
    "I-CoNa": (0, 4),
}
"""The sixth answers are to those of these prompts that have no label from an earlier round."""

SEVENTH = {"I-CoNa": (4, 44), "I-Controversial": (0, 40), "Q-Harm": (0, 100), "I-MaliciousInstructions": (0, 100)}
"""The seventh answers are to those of these prompts that have no label from an earlier round."""

SECOND = {"Q-Harm": (60, 100), "I-MaliciousInstructions": (60, 100), "I-Alpaca": (0, 50)}
"""Which prompts the second answers are to: none of the first. A style meets them all."""


def prompts_of(data: Path, sets: Mapping[str, tuple[int, int]]) -> list[dict[str, str]]:
    """Rows of set, prompt and group; twins have the unsafe prompt as their group."""
    texts: dict[str, list[str]] = {}
    for name, (start, end) in sets.items():
        texts[name] = json.loads((data / f"safety/{name}.json").read_text(encoding="utf-8"))["instructions"][start:end]
    own = ((FIRST, PROJECT_PROMPTS), (FIFTH, FIFTH_PROMPTS), (SIXTH, SIXTH_PROMPTS), (SEVENTH, SEVENTH_PROMPTS))
    for kind, prompts in own:
        if sets is kind:
            texts["project"] = list(prompts)
    unsafe = texts.get("I-PhysicalSafetyUnsafe", [])
    return [
        {"set": name, "prompt": prompt, "group": unsafe[i] if name == "I-PhysicalSafetySafe" else prompt}
        for name, prompts in texts.items()
        for i, prompt in enumerate(prompts)
    ]


def padded(folder: Path, asked: Sequence[Turns], seed: int) -> list[str]:
    """Answers drawn with temperature 0.7 from the 50 most probable tokens, in two padded batches (fast on a CPU)."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    torch.manual_seed(seed)
    answers: list[str] = []
    for part in (asked[:48], asked[48:]):
        texts = [tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) for turns in part]
        batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        ids = model.generate(**batch, max_new_tokens=TOKENS, do_sample=True, temperature=0.7, top_k=50)
        answers += tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--round", type=int, choices=(1, 2, 3, 4, 5, 6, 7), default=1, help="which answers, see docs/refusals.md"
    )
    parser.add_argument("--style", action="append", choices=sorted(STYLES), help="only these styles")
    args = parser.parse_args(arguments)
    rows = prompts_of(
        Path(os.environ["POSTTRAIN_TEST_DATA"]), (FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH)[args.round - 1]
    )
    if args.round > 2:
        labels = map(json.loads, LABELS.read_text(encoding="utf-8").splitlines())
        known = {row["group"] for row in labels if row["round"] < args.round}
        rows = [row for row in rows if hashlib.sha256(row["group"].encode()).hexdigest()[:16] not in known]
    tokens = SIXTH_TOKENS if args.round >= 6 else TOKENS
    model = None if args.round == 5 else pt.load(args.model, precision="bfloat16")
    with args.out.open("w", encoding="utf-8") as out:
        for number, (style, turns) in enumerate(STYLES.items()):
            if style not in (args.style or STYLES):
                continue
            third = [row for i, row in enumerate(rows) if (i + number + args.seed) % 3 == 0 or row["set"] == "project"]
            chosen = third if args.round == 1 else rows
            asked = [[*turns, {"role": "user", "content": row["prompt"]}] for row in chosen]
            heat = 0.0 if style == "plain" else 0.7
            if model is None:
                answers = padded(args.model, asked, args.seed)
            else:
                drawn = model.generate(
                    asked, max_new_tokens=tokens, temperature=heat, top_p=0.9, seed=args.seed, rows=64
                )
                answers = [answer for (answer,) in drawn]
            for row, answer in zip(chosen, answers, strict=True):
                out.write(json.dumps({**row, "style": style, "answer": answer}, ensure_ascii=False) + "\n")
            print(f"{style}: {len(chosen)} answers", flush=True)


if __name__ == "__main__":
    main()
