"""What lm-evaluation-harness computes with a folder. It runs in an environment that has it: `lm_eval_values.py JOB`."""

import json
import sys

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM


def main() -> None:
    job = json.loads(sys.argv[1])
    model = HFLM(pretrained=job["model"], dtype="float32", device="cpu", batch_size=1)
    requests = [Instance("loglikelihood", {}, tuple(pair), number) for number, pair in enumerate(job["pairs"])]
    print(json.dumps([value for value, _ in model.loglikelihood(requests, disable_tqdm=True)]))


if __name__ == "__main__":
    main()
