"""lm-evaluation-harness's side of `eval.py`, in its own environment: MODEL FOLDER_OF_TASKS BATCH_SIZE."""

import json
import sys
import time

from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager


def main(model: str, tasks: str, batch: str) -> None:
    size = batch if batch == "auto" else int(batch)
    loaded = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=size)
    manager = TaskManager(include_path=tasks, include_defaults=False)
    began, worked = time.monotonic(), time.process_time()
    found = simple_evaluate(
        model=loaded, tasks=["questions"], task_manager=manager, apply_chat_template=True, bootstrap_iters=0
    )
    seconds, processor = time.monotonic() - began, time.process_time() - worked
    samples = sorted(found["samples"]["questions"], key=lambda sample: sample["doc_id"])
    answers = [sample["resps"][0][0] for sample in samples]
    print(json.dumps({"seconds": seconds, "processor": processor, "answers": answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
