"""One GPU in ten minutes: is it exact, how fast, how much memory. `python bench/gpu.py` on a machine with CUDA.

First the paths that only a GPU takes are compared with the same on the CPU, in float32 without TF32. Then SFT, DPO and
GRPO make steps on random models of 0.5B (all weights) and 7B (LoRA) in bfloat16: tokens/s, the share of the card's
measured matmul peak, and peak memory. TRL makes the same SFT and DPO steps on the 0.5B shape.

    python bench/gpu.py                       # everything
    python bench/gpu.py --only exact          # the comparisons alone
    python bench/gpu.py --device cpu --tiny   # that the script itself works

The tokens are random. An SFT row has 512 tokens of prompt and 512 of completion; a DPO pair 256 and twice 384; GRPO
makes 8 completions of 256 tokens for each of 8 prompts of 256.
"""

import argparse
import copy
import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import torch
from inputs import SHAPES as INPUTS
from transformers import AutoConfig, AutoModelForCausalLM

from posttrain.core import attention
from posttrain.core.group import Completion, Group
from posttrain.core.logprobs import Head, token_logprobs
from posttrain.core.packing import collate
from posttrain.generation.engine import generate_completions
from posttrain.generation.sampling import Sampling
from posttrain.objectives.dpo import dpo_objective
from posttrain.objectives.options import DPOOptions, PolicyGradientOptions
from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.objectives.sft import SFT
from posttrain.policy.forward import forward
from posttrain.policy.gradient_checkpointing import allow_recomputing
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.memory import fitting_row
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.train.optimizer import adamw
from posttrain.train.step import accumulate

SHAPES: dict[str, dict[str, Any]] = {
    "0.5B": INPUTS["qwen2.5-0.5b"]["config"],
    "7B": {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
    },
    "tiny": {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
}
Result = TypeVar("Result")

STEPS = 4
"""Counted steps; one before them is not counted, since it compiles."""


def model_of(shape: str, device: str, dtype: torch.dtype) -> Any:
    """A random Qwen2 of a shape, with posttrain's attention."""
    config = AutoConfig.for_model(
        "qwen2", **{"max_position_embeddings": 32768, **SHAPES[shape]}, tie_word_embeddings=shape != "7B"
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(
            config, dtype=dtype, attn_implementation=attention.register_branching_attention()
        )
    return model.eval()


def policy_of(shape: str, device: str, *, lora: bool, bf16: bool) -> Policy:
    """A policy of a shape; a frozen base is in bfloat16."""
    narrow = torch.bfloat16 if bf16 else None
    model = model_of(shape, device, torch.bfloat16 if lora and bf16 else torch.float32)
    policy = Policy(model, SimpleNamespace(), "causal", True, narrow, (0,))
    if lora:
        add_lora(policy, LoraOptions(rank=16, alpha=32.0))
    allow_recomputing(policy, "long rows")
    return policy


def group_of(rng: np.random.Generator, prompt: int, lengths: Sequence[int], vocabulary: int) -> Group:
    """A group of random tokens."""
    tokens = [rng.integers(3, vocabulary, n).astype(np.int32) for n in (prompt, *lengths)]
    completions = tuple(Completion(ids, np.ones(len(ids), np.bool_)) for ids in tokens[1:])
    return Group("", tokens[0], completions, {})


def exact(device: str) -> None:
    """Compare the GPU's paths with the CPU's, in float32."""
    rng = np.random.default_rng(0)
    here, there = (policy_of("tiny", where, lora=False, bf16=False) for where in ("cpu", device))
    there.model.load_state_dict(here.model.state_dict())
    worst = {"log-probs": 0.0, "gradients": 0.0}
    for number in range(8):
        lengths = [rng.integers(1, 90, int(rng.integers(1, 5))).tolist() for _ in range(4)]
        packed = [group_of(rng, int(rng.integers(1, 150)), some, 512) for some in lengths]
        found: list[list[torch.Tensor]] = []
        for policy, where in ((here, "cpu"), (there, device)):
            policy.model.zero_grad()
            logp_N = forward(policy, collate(packed, where), {"logp"}).logp_N
            assert logp_N is not None
            (logp_N * torch.linspace(-1, 1, len(logp_N), device=where)).sum().backward()
            gradients = [p.grad.detach().cpu() for p in policy.model.parameters() if p.grad is not None]
            found.append([logp_N.detach().cpu(), *gradients])
        apart = [float((a - b).abs().max() / a.abs().max()) for a, b in zip(*found, strict=True)]
        worst = {
            "log-probs": max(worst["log-probs"], apart[0]),
            "gradients": max(worst["gradients"], *apart[1:]),
        }
        print(f"row {number}: log-probs {apart[0]:.1e}, gradients {max(apart[1:]):.1e}", flush=True)
    report("packed rows, forward and backward", max(worst.values()), 1e-3)
    report("the head's gradient in bfloat16, added in float32", _head_apart(device), 2e-2)
    prompts = [rng.integers(3, 512, n).astype(np.int32) for n in (5, 60, 130)]
    (mine, theirs) = (
        [
            [one.tokens.tolist() for one in some]
            for some in generate_completions(p, prompts, Sampling(24, temperature=0))
        ]
        for p in (here, there)
    )
    report("greedy completions, share of tokens that differ", 0.0 if mine == theirs else 1.0, 0.5)


def _head_apart(device: str) -> float:
    """The relative distance of the weight's gradient from that in float64."""
    torch.manual_seed(0)
    hidden, weight = torch.randn(700, 96), torch.randn(900, 96) / 10
    target = torch.randint(0, 900, (700,))
    into = torch.zeros(900, 96, device=device)
    narrow = hidden.to(device, torch.bfloat16).requires_grad_()
    head = Head(weight.to(device).requires_grad_(), into=into)
    logp_N, _ = token_logprobs(narrow, head, target.to(device), gradient=-1.0)
    (-logp_N).sum().backward()
    exact_weight = weight.to(torch.bfloat16).double().detach().requires_grad_()
    logits = hidden.to(torch.bfloat16).double() @ exact_weight.T
    torch.nn.functional.cross_entropy(logits, target, reduction="sum").backward()
    assert exact_weight.grad is not None
    return float((into.cpu() - exact_weight.grad).norm() / exact_weight.grad.norm())


def report(what: str, apart: float, most: float) -> None:
    """Print the outcome of a comparison, and stop if it failed."""
    print(f"{'pass' if apart <= most else 'FAIL'}: {what}: {apart:.1e}, at most {most:g}", flush=True)
    if apart > most:
        raise SystemExit(1)


def matmul_peak(device: str, dtype: torch.dtype) -> float:
    """The card's FLOP/s in one large product."""
    size = 8192 if device != "cpu" else 1024
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        best = max(best, 2.0 * size**3 / timed(lambda: a @ b, device)[0])
    return best


def timed(work: Callable[[], Result], device: str) -> tuple[float, Result]:
    """Seconds of some work on the device, and its result."""
    wait(device)
    started = time.perf_counter()
    result = work()
    wait(device)
    return time.perf_counter() - started, result


def wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def needed(shape: str, tokens: int, targets: int, passes: float) -> float:
    """The FLOPs of the products that a step needs.

    Args:
        tokens: tokens that pass the layers.
        targets: tokens that pass the head.
        passes: 1 forward; 3 with a backward pass, 2 if only adapters are trained.
    """
    config = SHAPES[shape]
    width = config["hidden_size"]
    kv = width * config["num_key_value_heads"] // config["num_attention_heads"]
    layers = config["num_hidden_layers"] * (2 * width * (width + kv) + 3 * width * config["intermediate_size"])
    return 2.0 * passes * (layers * tokens + config["vocab_size"] * width * targets)


def step_of(task: str, policy: Policy, shape: str, row_tokens: int, tiny: bool) -> Callable[[], tuple[int, float]]:
    """A function that makes a step, and returns its tokens and its FLOPs."""
    rng, small, vocabulary = np.random.default_rng(1), 16 if tiny else 1, SHAPES[shape]["vocab_size"]
    trained = [(name, p) for name, p in policy.model.named_parameters() if p.requires_grad]
    optimizer = adamw(trained, learning_rate=1e-5, weight_decay=0.0, betas=(0.9, 0.999), epsilon=1e-8)
    passes = 2.0 if len(trained) < len(list(policy.model.parameters())) else 3.0

    def learn(groups: list[Group], objective: Any) -> None:
        accumulate(policy, objective, groups, row_tokens)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    def sft() -> tuple[int, float]:
        groups = [group_of(rng, 512 // small, [512 // small], vocabulary) for _ in range(32)]
        learn(groups, SFT)
        tokens, targets = sum(g.size for g in groups), sum(g.loss_tokens for g in groups)
        return tokens, needed(shape, tokens, targets, passes)

    def with_columns(groups: list[Group], **columns: np.ndarray) -> list[Group]:
        outputs = outputs_by_group(policy, groups, {"logp"}, row_tokens)
        return [
            replace(g, columns={**{k: v[n] for k, v in columns.items()}, "ref_logp": o.logp_N.numpy()})
            for n, (g, o) in enumerate(zip(groups, outputs, strict=True))
            if o.logp_N is not None
        ]

    def dpo() -> tuple[int, float]:
        groups = [group_of(rng, 256 // small, [384 // small] * 2, vocabulary) for _ in range(16)]
        learn(
            with_columns(groups, rank=np.tile(np.array([1, 2], np.float32), (16, 1))),
            dpo_objective(DPOOptions()),
        )
        tokens, targets = sum(g.size for g in groups), sum(g.loss_tokens for g in groups)
        return tokens, needed(shape, tokens, targets, 1 + passes)

    def grpo() -> tuple[int, float]:
        length = 256 // small
        prompts = [rng.integers(3, vocabulary, length).astype(np.int32) for _ in range(8)]
        written = generate_completions(policy, prompts, Sampling(length), n=8, rows=64)
        groups: list[Group] = []
        for prompt, some in zip(prompts, written, strict=True):
            completions = tuple(Completion(one.tokens, np.ones(len(one.tokens), np.bool_)) for one in some)
            logp = np.concatenate([one.logp for one in some])
            advantage = np.linspace(-1, 1, len(some), dtype=np.float32)
            columns = {"old_logp": logp, "advantage": np.repeat(advantage, [len(one.tokens) for one in some])}
            groups.append(Group("", prompt, completions, columns))
        learn(groups, policy_gradient_objective(PolicyGradientOptions()))
        tokens, targets = sum(g.size for g in groups), sum(g.loss_tokens for g in groups)
        return targets, needed(shape, tokens, targets, 1 + passes)

    return {"sft": sft, "dpo": dpo, "grpo": grpo}[task]


def measure(task: str, shape: str, device: str, *, lora: bool, tiny: bool) -> tuple[float, float, int]:
    """Tokens a second, FLOP/s, and peak bytes of a task's steps."""
    policy = policy_of(shape, device, lora=lora, bf16=True)
    options = PolicyOptions(lora=LoraOptions() if lora else None)
    row_tokens = fitting_row(policy.base.config, options, device, narrow=True)
    step = step_of(task, policy, shape, row_tokens, tiny)
    step()
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    tokens = flops = seconds = 0.0
    for _ in range(STEPS):
        spent, (some, products) = timed(step, device)
        seconds, tokens, flops = seconds + spent, tokens + some, flops + products
    memory = torch.cuda.max_memory_allocated() if device != "cpu" else 0
    gc.collect()
    return tokens / seconds, flops / seconds, memory


def trl(task: str, shape: str, device: str, tiny: bool) -> float:
    """Tokens a second of TRL's steps with the same rows, in its defaults with bfloat16."""
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    rng, small, vocabulary = np.random.default_rng(1), 16 if tiny else 1, SHAPES[shape]["vocab_size"]
    rows = 32 if task == "sft" else 16
    model = model_of(shape, device, torch.float32)
    model.set_attn_implementation("sdpa")
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            wait(device)
            times.append(time.perf_counter())

    class Tokenised(DPOTrainer):
        def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
            return dataset

    def ids(count: int) -> list[int]:
        return rng.integers(3, vocabulary, count // small).tolist()

    if task == "sft":
        prompts = [(ids(512), ids(512)) for _ in range(rows * (STEPS + 1))]
        data = [{"input_ids": p + c, "labels": [-100] * len(p) + c} for p, c in prompts]
        each = 1024 // small
    else:
        data = [
            {"prompt_ids": ids(256), "chosen_ids": ids(384), "rejected_ids": ids(384)}
            for _ in range(rows * (STEPS + 1))
        ]
        each = 1024 // small
    from tokenizers import Tokenizer, models

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a")), eos_token="b", pad_token="a"
    )
    trainer_class, config_class = (SFTTrainer, SFTConfig) if task == "sft" else (Tokenised, DPOConfig)
    with tempfile.TemporaryDirectory() as folder:
        options = config_class(
            output_dir=folder,
            per_device_train_batch_size=rows,
            num_train_epochs=1,
            learning_rate=1e-5,
            bf16=True,
            use_cpu=device == "cpu",
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            **({"padding_free": False} if task == "sft" else {"precompute_ref_log_probs": False}),
        )
        reference = {} if task == "sft" else {"ref_model": copy.deepcopy(model)}
        trainer_class(
            model=model,
            args=options,
            train_dataset=Dataset.from_list(data),
            processing_class=tokenizer,
            callbacks=[Clock()],
            **reference,
        ).train()
    del model
    gc.collect()
    return rows * each * STEPS / (times[-1] - times[0])


def main() -> None:
    """Compare, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a tiny model and short rows")
    parser.add_argument("--only", choices=["exact", "speed"])
    parser.add_argument("--without-trl", action="store_true")
    chosen = parser.parse_args()
    device: str = chosen.device
    name = torch.cuda.get_device_name() if device != "cpu" else "CPU"
    print(f"{name}; torch {torch.__version__}; {Path(__file__).name}", flush=True)
    if chosen.only != "speed":
        exact(device)
    if chosen.only == "exact":
        return
    peak = matmul_peak(device, torch.bfloat16)
    print(f"\nmatmul peak in bfloat16: {peak / 1e12:.1f} TFLOP/s\n")
    print(
        "| task | shape | tokens/s | share of peak | memory GiB | TRL tokens/s | ratio |\n|---|---|---|---|---|---|---|"
    )
    for shape, lora in (("tiny", False), ("tiny", True)) if chosen.tiny else (("0.5B", False), ("7B", True)):
        for task in ("sft", "dpo", "grpo"):
            speed, flops, memory = measure(task, shape, device, lora=lora, tiny=chosen.tiny)
            cells = [task, f"{shape}, {'LoRA' if lora else 'all weights'}", f"{speed:,.0f}", f"{flops / peak:.0%}"]
            cells.append(f"{memory / 2**30:.1f}")
            beside = not (chosen.without_trl or lora or task == "grpo")
            theirs = trl(task, shape, device, chosen.tiny) if beside else None
            cells += ["", ""] if theirs is None else [f"{theirs:,.0f}", f"{speed / theirs:.1f}x"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
