"""posttrain's side of `writing.py`."""

import json
import sys
import time

import numpy as np
import torch

from posttrain.generation.engine import generate_completions
from posttrain.generation.sampling import Sampling
from posttrain.malloc import settle_heap
from posttrain.policy.load import load_policy
from posttrain.policy.probe import settle_layout


def main() -> None:
    job = json.loads(sys.argv[1])
    settle_heap()  # as `posttrain run` does
    torch.set_num_threads(job["threads"])
    policy = load_policy(job["model"], dtype=torch.bfloat16)
    settle_layout(policy)
    asked = [
        policy.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=True
        )["input_ids"]
        for text in job["prompts"]
    ]
    prompts = [np.array(ids, np.int32) for ids in asked]
    generate_completions(policy, prompts, Sampling(16, seed=0), n=job["completions"])
    started = time.perf_counter()
    groups = generate_completions(policy, prompts, Sampling(job["longest"], seed=1), n=job["completions"])
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "tokens": sum(len(one.tokens) for group in groups for one in group)}))


if __name__ == "__main__":
    main()
