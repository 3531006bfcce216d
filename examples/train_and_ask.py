"""Fine-tune a model on a few rows, compare its held-out loss before and after, and ask it."""

import json
from pathlib import Path

import posttrain as pt

BASE = Path(pt.__file__).parent / "demo/base"  # a tiny model that comes with posttrain; name your own folder or hub id

CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Norway": "Oslo", "Peru": "Lima", "Cuba": "Havana"}
for file, question in (("train.jsonl", "Capital of {}?"), ("test.jsonl", "The capital of {}?")):
    rows = [{"prompt": question.format(land), "completion": city} for land, city in CAPITALS.items()]
    Path(file).write_text("".join(json.dumps(row) + "\n" for row in rows))

sft = {"kind": "sft", "data": "train.jsonl", "validation": "test.jsonl", "epochs": 30, "learning_rate": 2e-3}
run = pt.run({"model": BASE, "stages": {"sft": sft}}, out="runs/capitals")
print(run)

loss = run["sft"].metrics["eval_loss"]
print(f"held-out loss: {loss.before} before, {loss.after} after")

model = pt.load(run["sft"].model)
print(model.answer("Capital of Norway?"))
print(pt.evaluate(model, data="test.jsonl", metrics="match", max_new_tokens=8))
