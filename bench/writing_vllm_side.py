"""vLLM's side of `writing.py`. It runs in vLLM's environment, without posttrain."""

import json
import sys
import time

from vllm import LLM, SamplingParams


def main() -> None:
    job = json.loads(sys.argv[1])
    model = LLM(model=job["model"], dtype="bfloat16", max_model_len=512, enable_prefix_caching=True)
    asked = [[{"role": "user", "content": text}] for text in job["prompts"]]

    def sampling(longest: int) -> SamplingParams:
        return SamplingParams(n=job["completions"], temperature=1.0, top_p=1.0, top_k=0, max_tokens=longest)

    model.chat(asked, sampling(16), use_tqdm=False)
    started = time.perf_counter()
    found = model.chat(asked, sampling(job["longest"]), use_tqdm=False)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "tokens": sum(len(one.token_ids) for row in found for one in row.outputs)}))


if __name__ == "__main__":
    main()
