"""Collect answers of the demo's stages for the refusal labels: `python bench/refusal_demo.py RUN OUT.jsonl`.

RUN is the folder `run` that `posttrain demo` writes, with `data` beside it. Saved answers of the suites are taken by a
seeded draw; the DPO model also answers at a temperature above 1, where it mixes both ways of answering.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import posttrain as pt

SAVED = {
    ("stages/dpo", "asks"): 50,
    ("stages/ift", "asks"): 15,
    ("base", "asks"): 8,
    ("stages/sft", "asks"): 6,
    ("stages/dpo", "instructions_seen"): 8,
    ("stages/grpo", "orders"): 4,
}
"""How many answers of a stage's suite are drawn."""

DRAWN = 60
"""Answers of the DPO model at temperature 1.5 to test questions, and as many to off-label questions of training."""


def answers(run: Path, seed: int) -> Iterator[dict[str, str]]:
    """Rows of stage, prompt and answer."""
    draw = random.Random(seed)
    for (stage, suite), n in SAVED.items():
        lines = (run / stage / f"behaviour/samples_{suite}.jsonl").read_text(encoding="utf-8").splitlines()
        for row in map(json.loads, draw.sample(lines, n)):
            yield {"set": f"{stage} {suite}", "prompt": row["question"], "answer": row["answer"]}
    lines = (run / "stages/ppo/completions/rollout-00000009.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, draw.sample(lines, 10)):
        yield {"set": "stages/ppo drafts", "prompt": row["prompt"], "answer": row["completion"]}
    asks = (run / "stages/dpo/behaviour/samples_asks.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = [json.loads(line)["question"] for line in draw.sample(asks, DRAWN)]
    train = (run.parent / "data/asks_train.jsonl").read_text(encoding="utf-8").splitlines()
    off_label = [row for row in map(json.loads, train) if row["meta_slice"] == "off-label"]
    prompts += [row["prompt"][0]["content"] for row in draw.sample(off_label, DRAWN)]
    drawn = pt.load(run / "stages/dpo/model").generate(prompts, max_new_tokens=64, temperature=1.5, seed=seed)
    for prompt, (answer,) in zip(prompts, drawn, strict=True):
        yield {"set": "stages/dpo drawn", "prompt": prompt, "answer": answer}


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder that holds `base` and `stages`")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    with args.out.open("w", encoding="utf-8") as out:
        for row in answers(args.run, args.seed):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
