"""The model whose log-probs an on-policy stage needs: the model before training, or a teacher, here or on a server."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posttrain.core.group import Floats, Group
from posttrain.data.sets.prompts import Prompt
from posttrain.endpoint import read_key
from posttrain.errors import InputError, errors_at
from posttrain.generation.options import ScoringEndpointOptions
from posttrain.generation.remote_logprobs import OtherTokens, check_tokenizer, remote_logprobs
from posttrain.policy.load import Policy
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.reference_model import adapted, freeze, frozen_logprobs
from posttrain.ranks.exchange import spread
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.rollouts.types import Reference
from posttrain.stages.context import Context

SAMPLE = 'Take 1,250 mg (2½ tablets).\n\tif x == 0: return "naïve – Ελλάδα, Москва, 東京"'
"""A text on which different tokenizers differ: numbers, white space, code, several scripts."""
_PROMPT_TOKENS = 64
"""Tokens of the first prompt that the comparison of tokenizers also reads."""
_NEXT = "Name a teacher of the same family, or train with sft on the teacher's answers"


def open_reference(stage: OnPolicyStage, policy: Policy, context: Context) -> Reference:
    """The function from groups to the reference model's log-probs.

    Raises:
        InputError: the stage names a model with another tokenizer.
    """
    if stage.reference_server is not None:
        return server_reference(stage.reference_server, f"stages.{context.name}.teacher")
    copy = _reference_model(stage, policy, context)
    return frozen_logprobs(policy, copy, row_tokens=stage.row_tokens, temperature=stage.temperature)


def server_reference(server: ScoringEndpointOptions, key: str) -> Reference:
    """The function from groups to the log-probs of their loss tokens under a server's model.

    Args:
        key: the recipe's key of the server, for errors.
    """

    def logprobs(groups: Sequence[Group]) -> list[Floats]:
        return spread(groups, logprobs_of)

    def logprobs_of(groups: Sequence[Group]) -> list[Floats]:
        pairs = [(group, completion) for group in groups for completion in group.completions]
        sequences = [np.concatenate([group.prompt, completion.tokens]).tolist() for group, completion in pairs]
        with errors_at(key):
            scored = remote_logprobs(sequences, server, wheres=[group.where for group, _ in pairs])
        values = iter(scored)
        return [
            np.concatenate([next(values)[len(group.prompt) :][completion.loss] for completion in group.completions])
            for group in groups
        ]

    return logprobs


def check_server(server: ScoringEndpointOptions, tokenizer: Any, prompts: Sequence[Prompt], context: Context) -> None:
    """Check, before a model is loaded, that the teacher's server returns log-probs and has the policy's tokenizer.

    Raises:
        InputError: the key is not set, the server refuses, or its tokenizer is another one.
        RunError: the server does not answer.
    """
    text = f"{SAMPLE}\n{tokenizer.decode(prompts[0].tokens[:_PROMPT_TOKENS])}"
    encodings = [tokenizer(text, add_special_tokens=special)["input_ids"] for special in (True, False)]
    different = encodings[:1] if encodings[0] == encodings[1] else encodings
    with errors_at(f"stages.{context.name}.teacher"):
        read_key(server)
        try:
            check_tokenizer(text, different, server)
        except OtherTokens as error:
            raise InputError(
                f"{server.model} at {server.url} has another tokenizer than the policy ({error}); on-policy "
                f"distillation compares log-probs token by token. {_NEXT}"
            ) from error
    context.screen.note(f"teacher: {server.model} at {server.url}; its tokenizer agrees with the policy's")


def _reference_model(stage: OnPolicyStage, policy: Policy, context: Context) -> Policy | None:
    """The frozen model whose log-probs the stage needs; None if it is the policy without its trained adapter.

    Raises:
        InputError: the stage names a model with another tokenizer.
    """
    if stage.reference_name is None:
        return None if adapted(policy) else freeze(open_policy(context.model, stage, train=False))
    path = context.models[stage.reference_name]
    options = PolicyOptions(precision=stage.precision, device=stage.device, trust_remote_code=stage.trust_remote_code)
    teacher = freeze(open_policy(path, options, train=False, on_note=context.screen.note))
    if (sentence := tokens_differ(teacher.tokenizer.get_vocab(), policy.tokenizer.get_vocab())) is not None:
        raise InputError(
            f"stages.{context.name}.teacher: {stage.reference_name} {sentence}; on-policy distillation compares "
            f"log-probs token by token. {_NEXT}"
        )
    return teacher


def tokens_differ(teacher: Mapping[str, int], policy: Mapping[str, int]) -> str | None:
    """How the teacher's vocabulary differs from the policy's, as the end of a sentence; None if they are equal."""
    if teacher == policy:
        return None
    other = next((token for token in policy if teacher.get(token) != policy[token]), None)
    if other is None:
        return f"has a larger vocabulary, {len(teacher)} tokens against {len(policy)}"
    place = f"as {teacher[other]}" if other in teacher else "not at all"
    return f"has another tokenizer: it has the policy's token {policy[other]}, {other!r}, {place}"
