"""The generation of an on-policy stage's completions: by the trainer's own engine, or by vLLM with a correction."""

from functools import partial

from posttrain.data.chat.renderer import Renderer
from posttrain.data.sets.prompts import Prompts
from posttrain.errors import errors_at
from posttrain.generation.engine import policy_generate
from posttrain.generation.options import VllmOptions
from posttrain.generation.sampling import Sampling, sampling_of
from posttrain.generation.vllm.connect import open_vllm
from posttrain.generation.vllm.writer import VllmWriter
from posttrain.policy.load import Policy
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.rollouts.importance import Correct, corrected
from posttrain.rollouts.maker import RolloutSpec
from posttrain.rollouts.scoring import Scorer
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
    """How a stage's rollouts are generated.

    Raises:
        InputError, RunError: the recipe has `vllm`, and the server cannot be used; see `open_vllm`.
    """
    server = None if stage.vllm is None else _server(stage, stage.vllm, policy, prompts, context)
    return RolloutSpec(
        policy,
        renderer,
        policy_generate(policy, stage.rollout_rows) if server is None else server,
        prompts.train,
        shuffled(len(prompts.train), context.seed),
        _sampling(stage, context),
        stage.num_generations,
        stage.batch_size * stage.minibatches,
        scorer,
        technique.most_draws,
        technique.mask_truncated,
        None if stage.vllm is None else _correction(stage, stage.vllm, policy),
        server,
        needs_rewards=stage.learns_from_rewards,
    )


def _server(
    stage: OnPolicyStage, options: VllmOptions, policy: Policy, prompts: Prompts, context: Context
) -> VllmWriter:
    longest = max(len(one.tokens) for one in (*prompts.train, *prompts.held_out)) + stage.max_new_tokens
    with errors_at(f"stages.{context.name}"):
        return open_vllm(
            policy, context.model, options, context.folder / "vllm", longest=longest, on_note=context.screen.note
        )


def _correction(stage: OnPolicyStage, options: VllmOptions, policy: Policy) -> Correct:
    return partial(
        corrected,
        policy=policy,
        row_tokens=stage.row_tokens,
        temperature=stage.temperature,
        mode=options.importance,
        cap=options.importance_cap,
        floor=options.importance_floor,
    )


def _sampling(stage: OnPolicyStage, context: Context) -> Sampling:
    sampling = sampling_of(stage, context.seed)
    if sampling.filters:
        context.screen.note(
            "top_k, top_p or min_p: tokens are drawn from another distribution than the log-probs learnt from, so the "
            "gradient is biased; leave them out unless the model writes nonsense without"
        )
    return sampling
