"""Generation with transformers' own `generate`, for models that cannot share a prompt: slower, with the same draws.

A logits processor draws each token by `draw_tokens` and leaves `generate` no other one, so seeds, filters and log-probs
are those of the engine.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessorList

from posttrain.generation.request import Generation, Request, decoding, ends
from posttrain.generation.sampling import Sampling, draw_tokens, uniforms
from posttrain.policy.forward import mixed
from posttrain.policy.load import Policy


@torch.no_grad()
def generate_plain(policy: Policy, request: Request) -> list[list[Generation]]:
    """See `engine.generate_completions`. Prompts of the same length run together, so nothing is padded."""
    prompts, sampling = request.prompts, request.sampling
    by_length = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    todo = [(i, b) for i in by_length for b in range(request.n)]
    done: list[list[Any]] = [[None] * request.n for _ in prompts]
    count = 0
    with decoding(policy), mixed(policy):
        while todo:
            length = len(prompts[todo[0][0]])
            batch = [(i, b) for i, b in todo[: request.rows] if len(prompts[i]) == length]
            todo = todo[len(batch) :]
            draws = np.stack([uniforms(sampling.seed, request.ids[i], b, sampling.max_new_tokens) for i, b in batch])
            tokens = np.stack([prompts[i] for i, _ in batch]).astype(np.int64)
            for (i, b), completion in zip(batch, _generate(policy, tokens, draws, sampling), strict=True):
                done[i][b] = completion
            count += len(batch)
            request.on_done(count)
    return done


def _generate(policy: Policy, tokens: Any, draws: Any, sampling: Sampling) -> list[Generation]:
    chosen: list[Tensor] = []
    logps: list[Tensor] = []
    at = torch.from_numpy(draws).to(policy.device)

    def force(_: Tensor, logits_BV: Tensor) -> Tensor:
        token_B, logp_B = draw_tokens(logits_BV.float().clone(), at[:, len(chosen)], sampling)
        chosen.append(token_B)
        logps.append(logp_B)
        return torch.full_like(logits_BV, -torch.inf).scatter_(1, token_B[:, None], 0.0)

    ids = torch.from_numpy(tokens).to(policy.device)
    policy.base.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=sampling.max_new_tokens,
        do_sample=False,
        logits_processor=LogitsProcessorList([force]),
        eos_token_id=list(policy.end_tokens) or None,
        pad_token_id=policy.end_tokens[0] if policy.end_tokens else 0,
        **({"stop_strings": list(sampling.stop), "tokenizer": policy.tokenizer} if sampling.stop else {}),
    )
    token_BT, logp_BT = (torch.stack(x, 1).cpu().numpy() for x in (chosen, logps))
    return [_until_end(t, p, policy, sampling) for t, p in zip(token_BT, logp_BT, strict=True)]


def _until_end(tokens: Any, logp: Any, policy: Policy, sampling: Sampling) -> Generation:
    ids = tokens.tolist()
    last = next((n for n in range(1, len(ids) + 1) if ends(ids[:n], policy, sampling.stop)), None)
    return Generation(tokens[:last].astype(np.int32), logp[:last].astype(np.float32), last is not None)
