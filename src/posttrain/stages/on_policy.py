"""The stage that PPO and GRPO share: read prompts, train on rollouts, measure held-out rewards."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from posttrain.data.chat.answer_text import prefill_note
from posttrain.data.chat.encode import Renderer
from posttrain.data.sets.prompts import Prompts, read_prompts
from posttrain.policy.memory import cache_bytes
from posttrain.policy.open import open_policy
from posttrain.policy.shape import model_shape
from posttrain.policy.value_head import add_value_head
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.rollouts.maker import rollout_maker
from posttrain.rollouts.source import Rollouts, rollouts_in
from posttrain.rollouts.types import RolloutState
from posttrain.stages.completions import shower
from posttrain.stages.context import Context, Figure
from posttrain.stages.cost import memory_of_rank
from posttrain.stages.figures import rollout_figures
from posttrain.stages.held_out import held_out_rewards
from posttrain.stages.inputs import renderer_for, splitter, summary_lines, with_fitting_rows
from posttrain.stages.reference import check_server, open_reference
from posttrain.stages.rewards import open_scorer
from posttrain.stages.runner import Preview, Runner
from posttrain.stages.sample_answers import samples_of_prompts
from posttrain.stages.sampler import rollout_spec
from posttrain.stages.steps import steps_of
from posttrain.stages.technique import OnPolicyTechnique
from posttrain.stages.training import finish
from posttrain.train.loop import Training


def on_policy(technique: Callable[[Any], OnPolicyTechnique]) -> Runner:
    """The runner of a stage that trains on completions that the policy itself generates.

    Args:
        technique: the function from the stage's options to its technique.
    """

    def run(stage: OnPolicyStage, context: Context) -> dict[str, Figure]:
        stage = with_fitting_rows(stage, context)
        return _train(stage, technique(stage), context)

    def preview(stage: OnPolicyStage, context: Context) -> Preview:
        return _preview(with_fitting_rows(stage, context), context)

    def needs(stage: OnPolicyStage, context: Context) -> Mapping[str, int]:
        return _needs(with_fitting_rows(stage, context), context)

    return Runner(run, preview, needs, parallel=True)


def _needs(stage: OnPolicyStage, context: Context, longest: int = 1) -> dict[str, int]:
    """Bytes of memory at the peak, by purpose.

    Args:
        longest: tokens of the longest prompt; 1, the minimum, if it is not known.
    """
    shape = model_shape(context.model, trust_remote_code=stage.trust_remote_code)
    memory = memory_of_rank(shape, stage, context.ranks, scored=False)
    if stage.vllm is None:
        memory["writing"] = cache_bytes(shape, rows=stage.rollout_rows, length=longest + stage.max_new_tokens)
    if stage.reference_name is not None:
        teacher = model_shape(context.models[stage.reference_name], trust_remote_code=stage.trust_remote_code)
        memory["teacher"] = 4 * teacher.parameters
    elif stage.lora is None and stage.needs_reference and stage.reference_server is None:
        memory["reference"] = 4 * shape.parameters
    if stage.value_trunk:
        memory["value"] = 16 * shape.parameters
    judges = [
        model_shape(context.models[other.name], trust_remote_code=stage.trust_remote_code)
        for other in stage.others
        if other.makes == "score"
    ]
    if judges:
        memory["reward models"] = 4 * sum(judge.parameters for judge in judges)
    return memory


def _preview(stage: OnPolicyStage, context: Context) -> Preview:
    """The rows, tokens, steps and memory of a run."""
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    prompts = _read(stage, renderer, context)
    memory = _needs(stage, context, max(len(prompt.tokens) for prompt in prompts.train))
    by_epochs = _by_epochs(stage, len(prompts.train)) * stage.minibatches * stage.inner_epochs
    return Preview(prompts.summary, steps_of(stage, by_epochs), memory, (renderer,), by_epochs)


def _read(stage: OnPolicyStage, renderer: Renderer, context: Context) -> Prompts:
    """Read the stage's prompts, and report skipped and changed rows on the screen."""
    with context.screen.bar("reading", None) as advance:
        prompts = read_prompts(
            stage,
            renderer,
            answer=stage.max_new_tokens,
            part_of=splitter(stage, context.seed),
            base=context.base,
            on_rows=lambda n: advance(n, "rows"),
        )
    for sentence in (*summary_lines(prompts.summary), *prefill_note(renderer)):
        context.screen.note(sentence)
    return prompts


def _train(stage: OnPolicyStage, technique: OnPolicyTechnique, context: Context) -> dict[str, Figure]:
    """Run an on-policy stage. Its folder then also has ``completions/``, with a table for each rollout.

    If the process is killed at any point, the next call continues and gives the same weights.
    """
    screen, folder = context.screen, context.folder
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    prompts = _read(stage, renderer, context)
    if stage.reference_server is not None:
        check_server(stage.reference_server, renderer.tokenizer, prompts.train, context)
    policy = open_policy(context.model, stage, seed=context.draws, on_note=screen.note)
    policy.end_tokens = tuple(sorted(renderer.end_tokens))
    if not policy.end_tokens:
        screen.note("the model has no end token: every completion ends at max_new_tokens")
    scorer, gold = open_scorer(stage, policy, context)
    reference = open_reference(stage, policy, context) if stage.needs_reference else None
    if technique.value is not None:
        add_value_head(policy, separate=technique.value == "separate")
    spec = rollout_spec(stage, technique, policy, renderer, prompts, scorer, context)
    rollouts = _rollouts(stage, len(prompts.train))
    source = Rollouts(
        rollout_maker(
            spec,
            technique.advantages(policy, reference),
            stage.alarms,
            folder / "completions",
            on_note=screen.note,
            rollouts=rollouts,
            on_rollout=shower(stage.show_every, rollouts, screen),
        ),
        prompts=len(prompts.train),
        batch_size=stage.batch_size,
        minibatches=stage.minibatches,
        inner_epochs=stage.inner_epochs,
        folder=folder / "rollouts",
        seed=context.seed,
        start=RolloutState(beta=technique.beta),
    )
    measure = None
    if prompts.held_out:
        measure = held_out_rewards(spec, prompts.held_out, gold, reference, stage.alarms, context)
    monitor = ("eval_reward", True) if stage.learns_from_rewards else ("eval_kl", False)
    training = Training(policy, source, technique.objective, stage, folder, measure=measure, monitor=monitor)
    try:
        figures = finish(stage, training, renderer, context, samples_of_prompts(prompts, stage.max_new_tokens))
    finally:
        if spec.server is not None:
            spec.server.close()
    if spec.server is not None:
        spec.server.end()
    completions = stage.batch_size * stage.minibatches * stage.num_generations
    return rollout_figures(folder / "metrics.jsonl", completions) | figures


def _by_epochs(stage: OnPolicyStage, prompts: int) -> int:
    """The number of rollouts that the epochs give, without the limit ``max_steps``."""
    return rollouts_in(stage.epochs, prompts, stage.batch_size * stage.minibatches)


def _rollouts(stage: OnPolicyStage, prompts: int) -> int:
    """The number of rollouts of the stage."""
    most = None if stage.max_steps is None else ceil(stage.max_steps / (stage.minibatches * stage.inner_epochs))
    rollouts = _by_epochs(stage, prompts)
    return rollouts if most is None else min(rollouts, most)
