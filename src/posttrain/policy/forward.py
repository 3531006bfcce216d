"""A forward pass of a policy over a packed batch. It computes only the wanted outputs.

Legend: ``T`` packed tokens, ``N`` loss tokens, ``C`` completions, ``L`` longest completion with its prompt,
``D`` hidden width.
"""

from collections.abc import Iterator, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from posttrain.core.attention import layout_of
from posttrain.core.logprobs import Head, token_logprobs
from posttrain.core.outputs import Outputs, Want
from posttrain.core.packing import Batch, Branch, row_size, with_padding
from posttrain.policy.load import Policy
from posttrain.policy.rope import mixes_lengths

VALUE_TRUNK = "value_trunk"
"""The module name of a value function's own trunk (`policy.value_head`)."""


PASS = "packed_pass"
"""The name of the method of a sharded model that runs `outputs_of`; weights are gathered and freed around it."""


def forward(
    policy: Policy,
    batch: Batch,
    wants: Set[Want],
    *,
    temperature: float = 1.0,
    gradient: float | None = None,
    accumulate: bool = False,
) -> Outputs:
    """Compute the outputs that an objective wants; see `outputs_of`."""
    run = partial(outputs_of, policy) if policy.shards is None else getattr(policy.base, PASS)
    return run(batch, wants, temperature=temperature, gradient=gradient, accumulate=accumulate)


def outputs_of(
    policy: Policy, batch: Batch, wants: Set[Want], *, temperature: float, gradient: float | None, accumulate: bool
) -> Outputs:
    """Compute the outputs that an objective wants.

    Args:
        wants: the outputs to compute.
        temperature: the temperature of the log-probs; for sampled tokens, the sampling temperature.
        gradient: the promised gradient of every log-prob, see `token_logprobs`.
        accumulate: whether the head's gradient is added to its weight's ``grad`` directly (see `Head.into`).

    Returns:
        `Outputs` in float32, with gradient unless torch has it switched off.
    """
    device = batch.tokens_T.device
    value = _values(policy, batch) if "value" in wants and hasattr(policy.base, VALUE_TRUNK) else None
    if value is not None and wants == {"value"}:
        return Outputs(None, None, None, value)
    with mixed(policy):
        hidden = _hidden(policy, batch, backbone_of(policy.base))
        last_C = torch.tensor([branch.own[1] - 1 for branch in batch.branches], device=device)
        completion_C = torch.arange(len(last_C), device=device)
        score = logp = entropy = None
        if "score" in wants:
            score = policy.base.score(_pick(batch, hidden, last_C, completion_C))[:, 0].float()
    if wants & {"logp", "entropy", "value"}:
        hidden_ND = _pick(batch, hidden, batch.predictor_N, batch.completion_N)
        if "value" in wants and value is None:
            value = policy.base.value_head(hidden_ND.float())[:, 0]
        if policy.autocast is not None:
            hidden_ND = hidden_ND.to(policy.autocast)
        if wants & {"logp", "entropy"}:
            head = head_of(policy.base)
            with torch.autocast(device.type, enabled=False):
                logp, entropy = token_logprobs(
                    hidden_ND,
                    replace(head, into=head.weight.grad) if accumulate else head,
                    batch.target_N,
                    temperature=temperature,
                    entropy="entropy" in wants,
                    gradient=gradient,
                )
    return Outputs(logp, entropy, score, value)


def _values(policy: Policy, batch: Batch) -> Tensor:
    """The value before each loss token, computed by the value function's own trunk."""
    with mixed(policy):
        hidden = _hidden(policy, batch, getattr(policy.base, VALUE_TRUNK))
    return policy.base.value_head(_pick(batch, hidden, batch.predictor_N, batch.completion_N).float())[:, 0]


def mixed(policy: Policy) -> AbstractContextManager[Any]:
    """A context in which matrix products run in the policy's dtype; weights in shards have it already."""
    narrow = policy.autocast is not None and policy.shards is None
    return torch.autocast(policy.device.type, policy.autocast) if narrow else nullcontext()


def head_of(model: Any) -> Head:
    """The map from hidden states to logits of a transformers causal LM, with its architecture's scale and soft cap."""
    layer = model.get_output_embeddings()
    config = model.config.get_text_config()
    scale = 1.0
    for name, power in (("logit_scale", 1), ("lm_head_multiplier", 1), ("logits_scaling", -1)):
        value = getattr(config, name, None)
        if isinstance(value, (int, float)):  # MPT's may be a string, which the model does not use
            scale *= value**power
    return Head(
        weight=layer.weight,
        bias=getattr(layer, "bias", None),
        scale=scale,
        softcap=getattr(config, "final_logit_softcapping", None),
    )


def backbone_of(model: Any) -> Any:
    """The model below its head."""
    prefix = model.base_model_prefix
    return getattr(model, prefix if hasattr(model, prefix) else "model")  # Llama 4 gives a wrong prefix


def _hidden(policy: Policy, batch: Batch, body: Any) -> Tensor:
    """Hidden states of a model below its head: [T, D] of the packed row, or [C, L, D] with a row per completion."""
    run = packed_hidden if policy.branching else _padded
    if not mixes_lengths(policy.base.config, batch):
        return run(body, batch)
    return pad_sequence([run(body, row).flatten(0, -2) for row in _singly(batch)], batch_first=True)


def packed_hidden(body: Any, batch: Batch) -> Tensor:
    """Hidden states of the packed row, [T, D]."""
    length = len(batch.tokens_T)
    row = with_padding(batch, row_size(length)) if batch.tokens_T.is_cuda else batch
    output = body(
        input_ids=row.tokens_T[None],
        position_ids=row.position_T[None],
        use_cache=False,
        layout=layout_of(row),
    )
    return output.last_hidden_state[0, :length]


def rows_hidden(body: Any, tokens_CL: Tensor) -> Tensor:
    """Hidden states of ordinary rows, [C, L, D], by the model's own attention.

    Rows may be padded at the end. Causal attention ignores the padding, since it comes after every real token.
    """
    ones = torch.ones_like(tokens_CL)  # some architectures (MPT) need a mask
    return body(input_ids=tokens_CL, attention_mask=ones, use_cache=False).last_hidden_state


def _padded(body: Any, batch: Batch) -> Tensor:
    rows = [row.tokens_T for row in _singly(batch)]
    return rows_hidden(body, pad_sequence(rows, batch_first=True))


def _singly(batch: Batch) -> Iterator[Batch]:
    """One row for each completion, with its own copy of the prompt."""
    for branch in batch.branches:
        row = torch.cat([batch.tokens_T[slice(*branch.prompt)], batch.tokens_T[slice(*branch.own)]])
        border = branch.prompt[1] - branch.prompt[0]
        lone = (Branch(0, (0, border), (border, len(row))),)
        position_T = torch.arange(len(row), device=row.device)
        yield replace(batch, tokens_T=row, position_T=position_T, branches=lone)


def _pick(batch: Batch, hidden: Tensor, place: Tensor, completion: Tensor) -> Tensor:
    """Hidden states at indices of the packed row; with a row per completion, from the row of the given completion."""
    if hidden.ndim == 2:
        return hidden.index_select(0, place)
    return hidden[completion, batch.position_T[place]]
