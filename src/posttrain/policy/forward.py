"""One forward pass of a policy over a packed batch: only the outputs that are wanted.

Legend: ``T`` packed tokens, ``N`` loss tokens, ``C`` completions, ``L`` longest completion with its prompt,
``D`` hidden width.
"""

from collections.abc import Collection
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from posttrain.core.attention import layout_of
from posttrain.core.logprobs import Head, token_logprobs
from posttrain.core.outputs import Outputs, Want
from posttrain.core.packing import Batch
from posttrain.policy.load import Policy


def forward(
    policy: Policy,
    batch: Batch,
    wants: Collection[Want],
    *,
    temperature: float = 1.0,
    uniform: bool = False,
) -> Outputs:
    """Compute what an objective wants.

    Args:
        wants: outputs to compute; nothing else is.
        temperature: of the sampling distribution the log-probs refer to.
        uniform: see `token_logprobs`.

    Returns:
        `Outputs` in float32, with gradient unless torch's is switched off.
    """
    device = batch.tokens_T.device
    mixed = nullcontext() if policy.autocast is None else torch.autocast(device.type, policy.autocast)
    with mixed:
        run = packed_hidden if policy.branching else _padded
        hidden = run(policy, batch)
        last_C = torch.tensor([branch.own[1] - 1 for branch in batch.branches], device=device)
        completion_C = torch.arange(len(last_C), device=device)
        score = logp = entropy = None
        if "score" in wants:
            score = policy.base.score(_pick(policy, batch, hidden, last_C, completion_C))[:, 0].float()
    if "logp" in wants or "entropy" in wants:
        hidden_ND = _pick(policy, batch, hidden, batch.where_N, batch.completion_N)
        if policy.autocast is not None:
            hidden_ND = hidden_ND.to(policy.autocast)
        with torch.autocast(device.type, enabled=False):
            logp, entropy = token_logprobs(
                hidden_ND,
                head_of(policy.base),
                batch.target_N,
                temperature=temperature,
                entropy="entropy" in wants,
                uniform=uniform,
            )
    return Outputs(logp, entropy, score)


def head_of(model: Any) -> Head:
    """The final-logit map of a transformers causal LM, with the transforms its architecture applies."""
    layer = model.get_output_embeddings()
    layer = getattr(layer, "modules_to_save", {}).get("default", layer)
    config = model.config.get_text_config()
    scale = getattr(config, "logit_scale", None)
    divisor = getattr(config, "logits_scaling", None)
    return Head(
        weight=layer.weight,
        bias=getattr(layer, "bias", None),
        scale=float(scale) if scale is not None else 1.0 / float(divisor) if divisor is not None else 1.0,
        softcap=getattr(config, "final_logit_softcapping", None),
    )


def backbone_of(model: Any) -> Any:
    """The model below its head."""
    return getattr(model, model.base_model_prefix)


def packed_hidden(policy: Policy, batch: Batch) -> Tensor:
    """Hidden states of the packed row, [T, D]."""
    output = backbone_of(policy.base)(
        input_ids=batch.tokens_T[None],
        position_ids=batch.position_T[None],
        use_cache=False,
        layout=layout_of(batch),
    )
    return output.last_hidden_state[0]


def _padded(policy: Policy, batch: Batch) -> Tensor:
    """Hidden states of one row per completion, padded at the end, [C, L, D].

    Causality alone keeps padding out: it lies behind every real token.
    """
    rows = [
        torch.cat([batch.tokens_T[slice(*branch.prompt)], batch.tokens_T[slice(*branch.own)]])
        for branch in batch.branches
    ]
    tokens_CL = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return backbone_of(policy.base)(input_ids=tokens_CL, use_cache=False).last_hidden_state


def _pick(policy: Policy, batch: Batch, hidden: Tensor, place: Tensor, completion: Tensor) -> Tensor:
    """Hidden states at places of the packed row, as seen by the given completions."""
    if policy.branching:
        return hidden.index_select(0, place)
    return hidden[completion, batch.position_T[place]]
