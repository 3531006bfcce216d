"""posttrain's side of `eval.py`: MODEL ROWS MAX_NEW_TOKENS."""

import json
import sys
import tempfile
import time
from pathlib import Path

from posttrain.api.evaluations import load_answerer
from posttrain.console import Screen
from posttrain.evaluate.behaviour import measure, saved_samples
from posttrain.recipe.suite_file import suite_of_options


def main(model: str, rows: str, tokens: str) -> None:
    answerer = load_answerer(model, {"device": "cpu", "precision": "float32"}, seed=0)
    suites = suite_of_options(rows, "answers", ["contains"], [f"max_new_tokens={tokens}"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        began, worked = time.monotonic(), time.process_time()
        measure(answerer, suites, base=Path(), folder=folder, screen=Screen(quiet=True))
        seconds, processor = time.monotonic() - began, time.process_time() - worked
        answers = [sample.answer for sample in saved_samples(folder, "rows")]
    print(json.dumps({"seconds": seconds, "processor": processor, "answers": answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
