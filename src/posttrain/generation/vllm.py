"""Generation with vLLM on GPUs, in this process, with the policy's current weights.

vLLM's kernels and precision are not the trainer's, so its log-probs are those of a slightly different model;
`rollouts.importance` corrects for that.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from posttrain.core.group import Ints
from posttrain.errors import InputError
from posttrain.generation.options import VllmOptions
from posttrain.generation.request import Generate, Generation
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy
from posttrain.policy.lora.folder import adapted_model
from posttrain.policy.lora.merged import merged_weights


def vllm_generate(policy: Policy, model: str, options: VllmOptions, *, longest: int, rows: int, seed: int) -> Generate:
    """A function that generates with vLLM and, at each call, the policy's current weights.

    Args:
        model: the folder or hub id that the policy was loaded from.
        longest: tokens of the longest prompt and completion together.
        rows: completions generated at once.

    Raises:
        InputError: vLLM is not installed.
    """
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # weights are passed within the process
    try:
        from vllm import LLM, SamplingParams  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError("vllm: not installed; pip install 'posttrain[vllm]', or leave the key out") from error
    llm = LLM(
        model=adapted_model(model) or model,
        dtype=str(policy.autocast or torch.float32).removeprefix("torch."),
        gpu_memory_utilization=options.gpu_memory,
        max_model_len=longest,
        max_num_seqs=rows,
        seed=seed,
        logprobs_mode="processed_logprobs",  # those of the distribution that tokens are drawn from
    )

    def generate(prompts: Sequence[Ints], sampling: Sampling, n: int, ids: Sequence[int]) -> list[list[Generation]]:
        llm.llm_engine.model_executor.driver_worker.model_runner.model.load_weights(merged_weights(policy))
        llm.reset_prefix_cache()
        settings = [SamplingParams(n=n, **_settings(policy, sampling, number)) for number in ids]
        answers = llm.generate([{"prompt_token_ids": prompt.tolist()} for prompt in prompts], settings, use_tqdm=False)
        return [[_generation(output) for output in answer.outputs] for answer in answers]

    return generate


def _settings(policy: Policy, sampling: Sampling, number: int) -> Mapping[str, Any]:
    """vLLM's sampling parameters for one prompt."""
    return {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "max_tokens": sampling.max_new_tokens,
        "stop": list(sampling.stop),
        "stop_token_ids": list(policy.end_tokens),
        "include_stop_str_in_output": True,
        "seed": int(np.random.default_rng([sampling.seed, number]).integers(2**31)),
        "logprobs": 0,  # that of the drawn token alone
    }


def _generation(output: Any) -> Generation:
    logp = [place[token].logprob for token, place in zip(output.token_ids, output.logprobs, strict=True)]
    return Generation(np.array(output.token_ids, np.int32), np.array(logp, np.float32), output.finish_reason == "stop")
