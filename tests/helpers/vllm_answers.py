"""What vLLM answers with a saved model. It runs in vLLM's environment: `python vllm_answers.py JOB`, a JSON object."""

import json
import sys

from vllm import LLM, SamplingParams
from vllm.lora.request import LoRARequest


def main() -> None:
    job = json.loads(sys.argv[1])
    adapter = {"enable_lora": True, "max_lora_rank": 16} if job["adapter"] else {}
    model = LLM(model=job["model"], dtype="bfloat16", max_model_len=256, enforce_eager=True, **adapter)
    answers = model.generate(
        [{"prompt_token_ids": ids} for ids in job["prompts"]],
        SamplingParams(temperature=0, max_tokens=job["tokens"]),
        lora_request=LoRARequest("trained", 1, job["adapter"]) if job["adapter"] else None,
        use_tqdm=False,
    )
    print(json.dumps([list(answer.outputs[0].token_ids) for answer in answers]))


if __name__ == "__main__":
    main()
