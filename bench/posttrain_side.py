"""posttrain's side: the loop a stage runs, on token ids. Reference log-probs are made beforehand, and timed."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from job import Clock, Job, answer, now, read_job, resident

from posttrain.core.group import Completion, Group
from posttrain.core.outputs import Outputs
from posttrain.malloc import settle_heap
from posttrain.objectives.dpo import dpo_objective
from posttrain.objectives.options import BradleyTerryOptions, DPOOptions
from posttrain.objectives.reward import reward_objective
from posttrain.objectives.sft import SFT
from posttrain.policy.gradient_checkpointing import allow_recomputing
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.memory import fitting_row
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.train.batches import DatasetBatches
from posttrain.train.loop import Callbacks, Training, train_policy
from posttrain.train.options import TrainOptions

LORA = LoraOptions(rank=16, alpha=32.0)


def groups_of(job: Job) -> list[Group]:
    """Rows as groups."""

    def completion(ids: list[int]) -> Completion:
        return Completion(np.array(ids, np.int32), np.ones(len(ids), np.bool_))

    parts = ("completion",) if job.task == "sft" else ("chosen", "rejected")
    columns = {} if job.task == "sft" else {"rank": np.array([1, 2], np.float32)}
    return [
        Group(f"row {n}", np.array(row["prompt"], np.int32), tuple(completion(row[p]) for p in parts), columns)
        for n, row in enumerate(job.data)
    ]


def with_reference(policy: Policy, groups: list[Group], row_tokens: int) -> list[Group]:
    """The groups with their completions' log-probs under the policy as it is now."""

    def told(group: Group, outputs: Outputs) -> Group:
        assert outputs.logp_N is not None
        return replace(group, columns={**group.columns, "ref_logp": outputs.logp_N.numpy()})

    return list(map(told, groups, outputs_by_group(policy, groups, {"logp"}, row_tokens)))


def options_of(job: Job, policy: Policy, **more: Any) -> TrainOptions:
    """A constant rate, no checkpoints, and rows of the size that a stage chooses."""
    kind = PolicyOptions(lora=LORA if job.lora else None)
    row_tokens = fitting_row(policy.base.config, kind, "cpu", narrow=job.bf16)
    return TrainOptions(
        batch_size=job.batch_size,
        row_tokens=row_tokens,
        learning_rate=job.learning_rate,
        schedule="constant",
        warmup=0.0,
        save_every=10**9,
        **more,
    )


def main() -> None:
    settle_heap()  # as `posttrain run` does
    job = read_job()
    imported = resident()
    torch.manual_seed(0)
    policy = load_policy(
        job.model,
        task="score" if job.task == "reward" else "causal",
        dtype=torch.bfloat16 if job.lora and job.bf16 else torch.float32,  # of a frozen base, as `policy.device` has it
        autocast=torch.bfloat16 if job.bf16 else None,
    )
    groups = groups_of(job)
    options = options_of(job, policy)
    wall = processor = 0.0
    if job.task == "dpo":
        warm = with_reference(policy, groups[: job.batch_size], options.row_tokens)
        started = now()
        groups = warm + with_reference(policy, groups[job.batch_size :], options.row_tokens)
        wall, processor = (after - before for after, before in zip(now(), started, strict=True))
    if job.lora:
        add_lora(policy, LORA)
    allow_recomputing(policy, "long rows")
    objective = {"sft": SFT, "dpo": dpo_objective(DPOOptions()), "reward": reward_objective(BradleyTerryOptions())}[
        job.task
    ]
    source = DatasetBatches(
        groups, [g.size for g in groups], lambda epoch: range(len(groups)), batch_size=job.batch_size
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        train_policy(Training(policy, source, objective, options, Path(folder)), Callbacks(on_step=clock.on_step))
    answer(
        seconds=wall + clock.times[-1][0] - clock.times[0][0],
        processor_seconds=processor + clock.times[-1][1] - clock.times[0][1],
        peak=clock.peak,
        imported=imported,
        losses=clock.losses[1:],
    )


if __name__ == "__main__":
    main()
