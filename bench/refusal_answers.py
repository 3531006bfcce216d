"""Generate the answers that the refusal labels were given to: SmolLM2-135M-Instruct to safety prompts.

    POSTTRAIN_TEST_DATA=... python bench/refusal_answers.py MODEL OUT.jsonl [--seed N] [--style NAME ...]

MODEL is a folder of SmolLM2-135M-Instruct. Each style of `refusal_prompts.py` (a system message and example turns)
meets a part of the prompts. The style `plain` takes the most probable tokens; the others draw with temperature 0.7.
Each row of OUT has the prompt, the set it is from, the style, and the answer. Unsafe prompts and their safe twins share
a `group`. docs/refusals.md describes the labels.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from refusal_prompts import PROJECT_PROMPTS, STYLES

import posttrain as pt

TOKENS = 96

SETS = {
    "I-PhysicalSafetyUnsafe": 100,
    "I-PhysicalSafetySafe": 100,
    "Q-Harm": 60,
    "I-MaliciousInstructions": 60,
    "I-Controversial": 12,
    "I-CoNa": 12,
}
"""How many prompts of each set take part, from its start."""


def prompts_of(data: Path) -> list[dict[str, str]]:
    """Rows of set, prompt and group; twins have the unsafe prompt as their group."""
    texts = {
        name: json.loads((data / f"safety/{name}.json").read_text())["instructions"][:n] for name, n in SETS.items()
    }
    texts["project"] = list(PROJECT_PROMPTS)
    unsafe = texts["I-PhysicalSafetyUnsafe"]
    return [
        {"set": name, "prompt": prompt, "group": unsafe[i] if name == "I-PhysicalSafetySafe" else prompt}
        for name, prompts in texts.items()
        for i, prompt in enumerate(prompts)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--style", action="append", choices=sorted(STYLES), help="only these styles")
    args = parser.parse_args(arguments)
    rows = prompts_of(Path(os.environ["POSTTRAIN_TEST_DATA"]))
    model = pt.load(args.model, precision="bfloat16")
    with args.out.open("w", encoding="utf-8") as out:
        for number, (style, turns) in enumerate(STYLES.items()):
            if style not in (args.style or STYLES):
                continue
            chosen = [row for i, row in enumerate(rows) if (i + number + args.seed) % 3 == 0 or row["set"] == "project"]
            asked = [[*turns, {"role": "user", "content": row["prompt"]}] for row in chosen]
            heat = {"temperature": 0.0} if style == "plain" else {"temperature": 0.7, "top_p": 0.9}
            answers = model.generate(asked, max_new_tokens=TOKENS, seed=args.seed, rows=64, **heat)
            for row, (answer,) in zip(chosen, answers, strict=True):
                out.write(json.dumps({**row, "style": style, "answer": answer}, ensure_ascii=False) + "\n")
            print(f"{style}: {len(chosen)} answers", flush=True)


if __name__ == "__main__":
    main()
