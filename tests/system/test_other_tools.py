"""lm-evaluation-harness and Inspect, each in an environment of its own: they evaluate, we import, and the reverse.

POSTTRAIN_LM_EVAL and POSTTRAIN_INSPECT name the Python of those environments (`pip install 'lm_eval[hf]'`,
`pip install inspect_ai`).
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain

LM_EVAL, INSPECT = os.environ.get("POSTTRAIN_LM_EVAL"), os.environ.get("POSTTRAIN_INSPECT")

OPENINGS = ("Once upon a time", "The little girl", "He was very", "The cat", "One day, a", "They went to the")

TASK = """\
task: stories
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{target}}}}"
generation_kwargs: {{until: [], max_gen_toks: 12, do_sample: false}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""

READS = """\
import json, sys
from pathlib import Path
from datasets import load_dataset
from lm_eval.utils import get_file_task_name, get_latest_filename, get_results_filenames, get_sample_results_filenames
from lm_eval.utils import make_table
files = [path.as_posix() for path in Path(sys.argv[1]).iterdir()]
results = json.load(open(get_latest_filename(get_results_filenames(files))))
(samples,) = get_sample_results_filenames(files)
rows = load_dataset("json", data_files=samples, split="train")
print(json.dumps({
    "table": make_table(results),
    "task": get_file_task_name(Path(samples).name),
    "values": rows["contains"][:],
    "answers": [answers[0] for answers in rows["filtered_resps"]],
}))
"""

LOG = """\
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match
def answer(input, tools, tool_choice, config):
    output = ModelOutput.from_content("mockllm/model", "4" if "2 + 2" in input[-1].text else "5")
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output
rows = [Sample(id=n, input=f"What is {n} + {n}?", target=str(2 * n), metadata={"slice": "a"}) for n in range(1, 5)]
task = Task(dataset=MemoryDataset(rows), scorer=match(), name="sums")
(log,) = eval(task, model=get_model("mockllm/model", custom_outputs=answer), log_dir=sys.argv[1], display="none")
assert log.status == "success", log.error
"""


def in_environment(python: str, *call: str) -> str:
    environment = {**os.environ, "HF_DATASETS_OFFLINE": "1", "PYTHONPATH": ""}
    return subprocess.run([python, *call], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


@pytest.fixture
def stories(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small real model, questions, and the task of both tools."""
    (tmp_path / "model").symlink_to(data_dir / "models" / "stories260K")
    rows: list[dict[str, Any]] = [{"id": f"s{n}", "input": text, "target": "little"} for n, text in enumerate(OPENINGS)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "stories.yaml").write_text(TASK.format(rows=tmp_path / "rows.jsonl"))
    (tmp_path / "run" / "stages").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(LM_EVAL is None, reason="POSTTRAIN_LM_EVAL names no environment with lm_eval")
def test_lm_evaluation_harness_and_posttrain_write_the_same_answers_and_read_each_other(
    stories: Path, posttrain: Posttrain
) -> None:
    call = ["--data", "rows.jsonl", "--metrics", "contains", "--set", "max_new_tokens=12", "--template", "raw"]
    answer = posttrain("eval", "model", *call, "--precision", "float32", "--device", "cpu", "--out", "ours")
    assert answer.code == 0, answer.err
    ours = [json.loads(line) for line in (stories / "ours/samples_rows.jsonl").read_text().splitlines()]

    model = f"pretrained={stories / 'model'},dtype=float32"
    task = ["--include_path", "tasks", "--tasks", "stories", "--device", "cpu"]
    in_environment(str(LM_EVAL), "-m", "lm_eval", "--model", "hf", "--model_args", model, *task, "--log_samples",
                   "--output_path", "theirs")  # fmt: skip
    answer = posttrain("eval", "import", "run", "theirs", "--json")
    assert answer.code == 0, answer.err
    (imported,) = json.loads(answer.out)
    assert imported["version"]
    assert imported["results"]["stories"]["n"] == len(OPENINGS)
    text = (Path(imported["folder"]) / "samples_stories.jsonl").read_text()
    theirs = [json.loads(line) for line in text.splitlines()]
    assert [sample["answer"].strip() for sample in theirs] == [sample["answer"].strip() for sample in ours]

    (folder,) = (stories / "ours/lm_eval").iterdir()
    read = json.loads(in_environment(str(LM_EVAL), "-c", READS, str(folder)).splitlines()[-1])
    assert "|rows |" in read["table"].replace("  ", " ").replace("  ", " ")
    assert read["task"] == "rows"
    assert read["answers"] == [sample["answer"] for sample in ours]
    assert read["values"] == [sample["values"]["contains"] for sample in ours]


@pytest.mark.slow
@pytest.mark.skipif(INSPECT is None, reason="POSTTRAIN_INSPECT names no environment with inspect_ai")
def test_a_log_that_inspect_writes_is_imported(stories: Path, posttrain: Posttrain) -> None:
    in_environment(str(INSPECT), "-c", LOG, "logs")
    answer = posttrain("eval", "import", "run", "logs", "--json")
    assert answer.code == 0, answer.err
    (imported,) = json.loads(answer.out)
    assert (imported["tool"], imported["model"]) == ("Inspect", "mockllm/model")
    assert imported["results"]["sums"]["value"] == 0.25
    assert imported["results"]["sums"]["n"] == 4
