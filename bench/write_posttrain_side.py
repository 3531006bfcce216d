"""posttrain's side of generation: `generation.engine.generate_completions`, with log-probs and end tokens."""

from typing import Any

import numpy as np
import torch
from asked import COMPLETION, Asked, N, read_asked
from job import answer, now, peak, read_job, resident

from posttrain.generation import decoding_loop, engine
from posttrain.generation.sampling import Sampling
from posttrain.malloc import settle_heap
from posttrain.policy.load import load_policy
from posttrain.policy.probe import settle_layout


class Tokens(list[int]):
    """A completion's tokens, and how many it is to have."""

    limit: int


def end_at(asked: list[Asked]) -> None:
    """Let each completion end at the length that is asked for, instead of at an end token.

    A job's id is the prompt's index, which counts on over epochs.
    """

    def row(job: decoding_loop.Job, branch: int, *others: Any) -> decoding_loop._Row:
        tokens = Tokens()
        tokens.limit = asked[job.id % len(asked)].lengths[branch]
        return made(job, branch, *others, tokens=tokens)

    made = decoding_loop._Row
    decoding_loop._Row = row  # type: ignore[assignment, misc]
    decoding_loop.ends = lambda tokens, policy, stop: len(tokens) == tokens.limit  # type: ignore[assignment, attr-defined]


def main() -> None:
    settle_heap()  # as `posttrain run` does
    job = read_job()
    imported = resident()
    policy = load_policy(job.model, autocast=torch.bfloat16 if job.bf16 else None)
    settle_layout(policy)
    asked = read_asked(job.folder)[: job.rows]
    end_at(asked)
    prompts = [np.array(one.prompt, np.int32) for one in asked]
    engine.generate_completions(policy, prompts[:2], Sampling(COMPLETION[1]), n=N)
    started = now()
    found = engine.generate_completions(policy, prompts, Sampling(COMPLETION[1], seed=1), n=N)
    seconds, processor_seconds = (after - before for after, before in zip(now(), started, strict=True))
    assert [[len(one.tokens) for one in group] for group in found] == [one.lengths for one in asked]
    answer(seconds=seconds, processor_seconds=processor_seconds, peak=peak(), imported=imported, losses=[])


if __name__ == "__main__":
    main()
