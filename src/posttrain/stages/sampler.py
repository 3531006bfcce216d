"""What writes in an on-policy stage, and how: the trainer's own engine, or vLLM with a correction."""

from collections.abc import Callable
from functools import partial

from posttrain.data.chat.renderer import Renderer
from posttrain.data.sets.prompts import Prompts
from posttrain.errors import InputError
from posttrain.generation.engine import policy_generate
from posttrain.generation.request import Generate
from posttrain.generation.sampling import Sampling, sampling_of
from posttrain.generation.vllm import vllm_generate
from posttrain.policy.load import Policy
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.rollouts.importance import corrected
from posttrain.rollouts.maker import RolloutSpec
from posttrain.rollouts.scoring import Scorer
from posttrain.rollouts.types import Rollout
from posttrain.stages.context import Context
from posttrain.stages.technique import OnPolicyTechnique
from posttrain.train.batches import shuffled


def rollout_spec(
    stage: OnPolicyStage,
    technique: OnPolicyTechnique,
    policy: Policy,
    renderer: Renderer,
    prompts: Prompts,
    scorer: Scorer,
    context: Context,
) -> RolloutSpec:
    """How a stage's rollouts are written.

    Raises:
        InputError: the recipe has `vllm`, but there is no CUDA GPU.
    """
    write, correct = _writer(stage, policy, prompts, context)
    return RolloutSpec(
        policy,
        renderer,
        write,
        prompts.train,
        shuffled(len(prompts.train), context.seed),
        _sampling(stage, context),
        stage.num_generations,
        stage.batch_size * stage.minibatches,
        scorer,
        technique.most_draws,
        technique.mask_truncated,
        correct,
        needs_rewards=stage.learns_from_rewards,
    )


def _writer(
    stage: OnPolicyStage, policy: Policy, prompts: Prompts, context: Context
) -> tuple[Generate, Callable[[Rollout], Rollout] | None]:
    """What writes, and what corrects for it where that is not the trainer itself."""
    if stage.vllm is None:
        return policy_generate(policy, stage.rollout_rows), None
    if policy.device.type != "cuda":
        raise InputError(f"stages.{context.name}.vllm: needs a CUDA GPU; leave the key out to write with the trainer")
    longest = max(len(one.tokens) for one in (*prompts.train, *prompts.held_out)) + stage.max_new_tokens
    write = vllm_generate(
        policy, context.model, stage.vllm, longest=longest, rows=stage.rollout_rows, seed=context.seed
    )
    return write, partial(
        corrected,
        policy=policy,
        row_tokens=stage.row_tokens,
        temperature=stage.temperature,
        mode=stage.vllm.importance,
        cap=stage.vllm.importance_cap,
    )


def _sampling(stage: OnPolicyStage, context: Context) -> Sampling:
    sampling = sampling_of(stage, context.seed)
    if sampling.filters:
        context.screen.note(
            "top_k, top_p or min_p: tokens are drawn from another distribution than the log-probs learnt from, so the "
            "gradient is biased; leave them out unless the model writes nonsense without"
        )
    return sampling
