"""The steps that all training stages share: open the model, prepare the data, measure, train, measure again, save."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from posttrain.core.group import Group
from posttrain.data.chat.encode import Renderer
from posttrain.data.chat.scored_text import record_reasoning
from posttrain.data.sets.prepare import Prepared
from posttrain.data.sets.store import GroupStore
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.behaviour import measure
from posttrain.evaluate.policy_answerer import with_answerer
from posttrain.files import read_json, sha256_of, write_json
from posttrain.policy.load import Policy
from posttrain.policy.open import open_policy
from posttrain.policy.save import save_policy
from posttrain.policy.shape import model_shape
from posttrain.policy.shard import whole, whole_model
from posttrain.ranks.exchange import main_first, on_main
from posttrain.recipe.stages.base import TrainingStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.cost import memory_of_rank
from posttrain.stages.figures import figure_of, figures_of_results
from posttrain.stages.inputs import prepare_data, renderer_for, with_fitting_rows
from posttrain.stages.progress import callbacks_of
from posttrain.stages.runner import Preview, Runner
from posttrain.stages.sample_answers import SamplePrompt, answer_after, answer_before, samples_of_groups
from posttrain.stages.steps import early_end, steps_of
from posttrain.stages.technique import Technique
from posttrain.train.batches import DatasetBatches
from posttrain.train.loop import Training, evaluate_all, train_policy
from posttrain.train.reference_logprobs import reference_key, reference_logprobs
from posttrain.train.step import Mean

COMPARED = 64
"""The number of held-out groups from which the check of the saved model chooses."""


def curated(technique: Callable[[Any, int], Technique]) -> Runner:
    """The runner of a stage that trains on curated data.

    Args:
        technique: the function from (the stage's options, the run's seed) to its technique.
    """

    def run(stage: TrainingStage, context: Context) -> dict[str, Figure]:
        stage = with_fitting_rows(stage, context)
        return train(stage, technique(stage, context.seed), context)

    def preview(stage: TrainingStage, context: Context) -> Preview:
        stage = with_fitting_rows(stage, context)
        return _preview(stage, technique(stage, context.seed), context)

    def needs(stage: TrainingStage, context: Context) -> Mapping[str, int]:
        return _needs(with_fitting_rows(stage, context), technique(stage, context.seed), context)

    return Runner(run, preview, needs, parallel=True)


def train(stage: TrainingStage, technique: Technique, context: Context) -> dict[str, Figure]:
    """Run a stage on curated data. Its folder then has ``model/``, ``metrics.jsonl``, ``data/`` and ``behaviour/``.

    If the process is killed at any point, the next call continues and gives the same weights.

    Returns:
        the stage's part of ``summary.json``.
    """
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    prepared = main_first(lambda: technique.regroup(prepare_data(stage, renderer, context), context))
    policy = open_policy(context.model, stage, task=technique.task, seed=context.draws, on_note=context.screen.note)
    policy.end_tokens = tuple(sorted(renderer.end_tokens))  # generation stops where trained answers end
    training = _training(policy, prepared, stage, technique, context)
    samples = samples_of_groups(training) if technique.task == "causal" else []
    figures = finish(stage, training, renderer, context, samples)
    return figures | (technique.figures(prepared.held_out["validation"]) if "validation" in prepared.held_out else {})


def _needs(stage: TrainingStage, technique: Technique, context: Context) -> dict[str, int]:
    """Bytes of memory at the peak, by purpose."""
    shape = model_shape(context.model, trust_remote_code=stage.trust_remote_code)
    return memory_of_rank(shape, stage, context.ranks, scored=technique.task == "score")


def _preview(stage: TrainingStage, technique: Technique, context: Context) -> Preview:
    """Read a stage's data, and count its rows, tokens, steps and memory."""
    memory = _needs(stage, technique, context)
    renderer = renderer_for(stage, context, trust_remote_code=stage.trust_remote_code)
    prepared = technique.regroup(prepare_data(stage, renderer, context), context)
    store = prepared.train
    rows = None if stage.batch_tokens else stage.batch_size
    source = DatasetBatches(store, store.sizes.tolist(), technique.order(prepared), rows, stage.batch_tokens)
    by_epochs = source.total(stage.epochs)
    return Preview(prepared.summary, steps_of(stage, by_epochs), memory, (renderer,), by_epochs)


def finish(
    stage: TrainingStage, training: Training, renderer: Renderer, context: Context, samples: Sequence[SamplePrompt]
) -> dict[str, Figure]:
    """Measure, train, measure again and save, in the same way for every technique.

    Args:
        samples: the prompts whose answers are shown before and after; empty for a reward model.
    """
    screen, folder, policy = context.screen, context.folder, training.policy
    for sentence in early_end(stage, training.source.total(stage.epochs)):
        screen.note(sentence)
    before = _before(training, context)
    if samples:
        with whole(policy):
            on_main(lambda: answer_before(policy, samples, folder / "samples.json"))
    with screen.bar("training", training.steps) as advance:
        state, after = train_policy(training, callbacks_of(advance, context))
    figures = {name: figure_of(name, before.get(name), mean, training) for name, mean in after.items()}
    compared, weights = _compared(training, state.step), whole_model(policy)

    with whole(policy):
        if samples:
            on_main(lambda: answer_after(policy, samples, folder / "samples.json", screen))
        if context.suites:
            figures |= _behaviour(policy, renderer, context)
        on_main(lambda: _save(stage, policy, renderer, context, compared, weights))
    return figures


def _behaviour(policy: Policy, renderer: Renderer, context: Context) -> dict[str, Figure]:
    """Measure the model on the stage's suites."""
    folder, suites = context.folder / "behaviour", context.suites

    def measured(answerer: Answerer) -> dict[str, Figure]:
        return figures_of_results(measure(answerer, suites, base=context.base, folder=folder, screen=context.screen))

    return with_answerer(policy, renderer, measured, seed=context.seed)


def _save(
    stage: TrainingStage,
    policy: Policy,
    renderer: Renderer,
    context: Context,
    compared: Sequence[Group],
    weights: Mapping[str, Tensor] | None,
) -> None:
    """Write the model folder, and compare the model that is read from it with the trained one on some groups.

    Args:
        weights: see `save_policy`.
    """
    if policy.task == "score":
        record_reasoning(policy.tokenizer, renderer.reasoning)
    save_policy(
        policy,
        context.folder / "model",
        dtype=stage.save_dtype,
        chat_template=renderer.template.source if renderer.template is not None else None,
        verify_on=compared,
        weights=weights,
        trust_remote_code=stage.trust_remote_code,
        on_note=context.screen.note,
    )


def _compared(training: Training, steps: int) -> list[Group]:
    """The groups for the check of the saved model: held-out ones, or those of the last step if none are held out."""
    held_out = training.held_out.get("validation", ())
    return [held_out[i] for i in range(min(len(held_out), COMPARED))] or training.source.step(steps - 1)


def _training(
    policy: Policy, prepared: Prepared, stage: TrainingStage, technique: Technique, context: Context
) -> Training:

    stores = {"train": prepared.train, **prepared.held_out}
    if "ref_logp" in technique.objective.needs:
        stores = {part: _with_reference(policy, store, part, stage, context) for part, store in stores.items()}
    train_store = stores.pop("train")
    missing = technique.objective.needs - train_store.columns
    assert not missing, f"the source lacks {missing}"
    source = DatasetBatches(
        train_store,
        train_store.sizes.tolist(),
        technique.order(prepared),
        None if stage.batch_tokens else stage.batch_size,
        stage.batch_tokens,
    )
    return Training(policy, source, technique.objective, stage, context.folder, stores)


def _with_reference(policy: Policy, store: GroupStore, part: str, stage: TrainingStage, context: Context) -> GroupStore:
    """The store with the log-probs of the model before training as a column."""
    folder = Path(context.model)
    key = on_main(lambda: reference_key(policy, sha256_of(folder) if folder.is_dir() else context.model, store))
    with whole(policy), context.screen.bar(f"reference, {part}", len(store)) as advance:
        logp_N = reference_logprobs(policy, store, key, stage.row_tokens, lambda n: advance(n, "groups"))
    return GroupStore(store.folder, {"ref_logp": logp_N})


def _before(training: Training, context: Context) -> dict[str, Mean]:
    """The held-out metrics before the first step. A file keeps them for a resumed stage."""
    path = context.folder / "before.json"
    if not on_main(path.is_file):
        before = evaluate_all(training)
        on_main(lambda: write_json(path, before))
    return {name: Mean(*mean) for name, mean in read_json(path).items()}
