"""`posttrain eval` beside lm-evaluation-harness, in answers per second: the same model, prompts and greedy answers.

    python bench/eval.py --peer ENVIRONMENT/bin/python --model FOLDER --data svamp_test.jsonl.gz

The peer's environment holds `pip install 'lm_eval[hf]'`. Each side runs in a process of its own, one after the other,
with the model's chat template, in float32. The time is that of the evaluation, with prompts and scores, without
imports and loading. The share of equal answers shows that both sides do the same work.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.files.read import read_rows

HERE = Path(__file__).parent
TASK = """\
task: questions
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{target}}}}"
generation_kwargs: {{until: [], max_gen_toks: {tokens}, do_sample: false}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""


def write_questions(data: str, count: int, path: Path) -> None:
    """Rows of SVAMP (Body, Question, Answer), or rows that have `input` and `target` already, as rows of a suite."""
    lines: list[str] = []
    for number, row in enumerate(islice(read_rows(data), count)):
        values = dict(row.values)
        if "Body" in values:
            answer = f"{values['Answer']:g}"
            values = {"input": f"{values['Body']} {values['Question']}", "target": answer}
        lines.append(json.dumps({"id": f"q{number}", "input": values["input"], "target": values["target"]}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def side(python: str, file: str, arguments: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """Seconds, processor seconds and answers of one side."""
    call = [python, str(HERE / file), *arguments]
    output = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return json.loads(output.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="Python of an environment with lm_eval")
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--batch", action="append", help="the peer's batch size; its default is 1")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    environment = {**os.environ, "OMP_NUM_THREADS": str(chosen.threads), "HF_DATASETS_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_questions(chosen.data, chosen.rows, folder / "rows.jsonl")
        (folder / "tasks").mkdir()
        task = TASK.format(rows=folder / "rows.jsonl", tokens=chosen.tokens)
        (folder / "tasks" / "questions.yaml").write_text(task, encoding="utf-8")
        call = (chosen.model, str(folder / "rows.jsonl"), str(chosen.tokens))
        own = side(sys.executable, "eval_posttrain_side.py", call, environment)
        print(f"{chosen.rows} questions, {chosen.tokens} new tokens, greedy, float32, {chosen.threads} threads\n")
        print("| side | answers/s | **ours over it** | processor time | equal answers |\n|---|---|---|---|---|")
        print(f"| posttrain eval | {chosen.rows / own['seconds']:.2f} | | {own['processor']:.0f} s | |", flush=True)
        for batch in chosen.batch or ("1", "16", "64"):
            call = (chosen.model, str(folder / "tasks"), batch)
            peer = side(chosen.peer, "eval_harness_side.py", call, environment)
            same = sum(a.strip() == b.strip() for a, b in zip(own["answers"], peer["answers"], strict=True))
            print(
                f"| lm-evaluation-harness, batch size {batch} | {chosen.rows / peer['seconds']:.2f} | "
                f"**{peer['seconds'] / own['seconds']:.1f}x** | {peer['processor']:.0f} s, "
                f"{peer['processor'] / own['processor']:.1f}x | {same} of {chosen.rows} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
