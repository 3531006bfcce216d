"""The training loop of every technique: groups → rows → forward → objective → optimiser step → checkpoint."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

from posttrain.core.group import Group
from posttrain.core.outputs import Objective
from posttrain.errors import RunError, Stopped
from posttrain.policy.load import Policy
from posttrain.policy.shard import local_gradients, local_parameters, whole
from posttrain.ranks.exchange import gathered
from posttrain.train import divergence
from posttrain.train.baseline import with_baseline
from posttrain.train.batches import BatchSource, Indexed
from posttrain.train.checkpoint import State, load_checkpoint, load_weights, save_checkpoint, save_weights
from posttrain.train.metrics_log import MetricsLog
from posttrain.train.optimizer import Trained, adamw, clip_gradients, rate_at, set_rate
from posttrain.train.options import TrainOptions
from posttrain.train.step import Mean, accumulate, evaluate

Values = dict[str, float | int | None]

VALIDATION = "validation"
"""The name of the held-out set that early stopping uses."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that the loop calls while a stage trains.

    Args:
        on_step: called after each step with (steps done, steps in all, logged values).
        on_eval: called after each evaluation with (steps done, held-out metrics).
        on_note: called with a sentence for the user.
        stop: returns whether the user requested a stop.
    """

    on_step: Callable[[int, int, Values], None] = lambda step, total, values: None
    on_eval: Callable[[int, Mapping[str, float | None]], None] = lambda step, metrics: None
    on_note: Callable[[str], None] = lambda sentence: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Training:
    """The inputs of the loop.

    Args:
        policy: the model; it is trained in place.
        source: the groups of each step.
        objective: the loss.
        options: the recipe's options.
        folder: ``metrics.jsonl``, ``checkpoints/`` and ``best.safetensors`` are written there.
        held_out: sets to evaluate on, by name; early stopping uses "validation".
        measure: computes further held-out metrics, such as rewards of the policy's completions.
        monitor: the metric for early stopping, and whether a higher value is better.
    """

    policy: Policy
    source: BatchSource
    objective: Objective
    options: TrainOptions
    folder: Path
    held_out: Mapping[str, Indexed] = field(default_factory=dict)
    measure: Callable[[], Mapping[str, Mean]] | None = None
    monitor: tuple[str, bool] = ("eval_loss", False)

    @property
    def steps(self) -> int:
        """The number of optimiser steps, unless training stops early."""
        steps = self.source.total(self.options.epochs)
        return steps if self.options.max_steps is None else min(steps, self.options.max_steps)


def train_policy(training: Training, callbacks: Callbacks | None = None) -> tuple[State, dict[str, Mean]]:
    """Train from the newest undamaged checkpoint in the folder. On CPU a resumed run gives the same weights.

    Returns:
        the last state, and the held-out metrics of the final weights.

    Raises:
        RunError: the loss diverged; the last checkpoint is kept.
        Stopped: the user requested a stop; a checkpoint is saved.
    """
    callbacks = callbacks or Callbacks()
    options, checkpoints = training.options, training.folder / "checkpoints"
    parameters = local_parameters(training.policy)
    optimizer = adamw(
        parameters.items(),
        kind=options.optimizer,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        betas=options.betas,
        epsilon=options.epsilon,
        plus_ratio=training.policy.plus_ratio,
    )
    trained = Trained(training.policy, parameters, optimizer)
    state, damage = load_checkpoint(checkpoints, trained)
    for sentence in damage:
        callbacks.on_note(sentence)
    total = training.steps
    measured: dict[str, Mean] | None = None  # held-out metrics of the current weights
    log = MetricsLog(training.folder / "metrics.jsonl", keep=state.log_bytes)
    if log.kept < state.log_bytes:
        callbacks.on_note(f"metrics.jsonl was truncated or deleted after step {state.step}; earlier metrics are lost")
    try:
        while not (finished := _finished(state, total, options)):
            values, measured = _step(training, trained, state, total), None
            state = replace(state, step=state.step + 1, losses=_recent(state, values))
            log.write(values, "train")
            callbacks.on_step(state.step, total, values)
            if (training.held_out or training.measure) and _due(options.eval_every, state.step, total):
                measured = evaluate_all(training)
                means = {name: mean.value for name, mean in measured.items()}
                log.write({"step": state.step, **means}, "eval")
                callbacks.on_eval(state.step, means)
                state = _compared_with_best(training, state, means)
            finished = _finished(state, total, options)
            stopping = any(gathered(callbacks.stop())) and not finished
            if finished or stopping or _due(options.save_every, state.step, total):
                state = replace(state, log_bytes=log.synced_bytes())
                oldest = save_checkpoint(checkpoints, trained, state, keep=options.keep_checkpoints)
                training.source.discard_before(oldest)
            if stopping:
                raise Stopped(f"stopped after step {state.step} of {total}; everything is saved")
    finally:
        log.close()
    assert finished
    _free_gradients(trained)
    if options.patience is not None and state.best_loss is not None:
        load_weights(training.folder / "best.safetensors", training.policy, parameters)
        measured = None
        name, more = training.monitor
        best = -state.best_loss if more else state.best_loss
        callbacks.on_note(f"the weights of step {state.best_step} are the best and are kept ({name} {best:.4f})")
    return state, evaluate_all(training) if measured is None else measured


def evaluate_all(training: Training) -> dict[str, Mean]:
    """Metrics of every held-out set: ``eval_loss``... for "validation", ``eval_{set}_loss``... for the others.

    Raises:
        RunError: a metric is not finite.
    """
    values: dict[str, Mean] = {}
    with whole(training.policy):
        for name, groups in training.held_out.items():
            prefix = "eval_" if name == VALIDATION else f"eval_{name}_"
            metrics = evaluate(training.policy, training.objective, groups, training.options.row_tokens)
            values |= {prefix + metric: mean for metric, mean in metrics.items()}
        if training.measure is not None:
            values |= training.measure()
    for name, mean in values.items():
        if mean.value is not None and not isfinite(mean.value):
            raise RunError(
                f"{name} is {mean.value}, so the model's results on held-out rows are not usable; lower the "
                "learning rate or beta, or start from another model"
            )
    return values


def _step(training: Training, trained: Trained, state: State, total: int) -> Values:
    """Run one optimiser step, and return its metrics."""
    started = time.perf_counter()
    options, optimizer = training.options, trained.optimizer
    groups = training.source.step(state.step)
    ready = with_baseline(training.policy, training.objective, groups, options.row_tokens)
    means = accumulate(training.policy, training.objective, ready, options.row_tokens)
    metrics = {name: mean.value for name, mean in means.items()}
    local_gradients(training.policy, trained.parameters)
    norm = clip_gradients(training.policy, trained.parameters, options.max_grad_norm)
    loss = metrics["loss"]
    if loss is not None:  # a step whose pairs are all tied has no loss
        divergence.check_loss(
            training.policy,
            training.objective,
            ready,
            step=state.step,
            loss=loss,
            norm=norm,
            recent=state.losses,
            max_jump=options.max_loss_jump,
        )
    rate = rate_at(
        state.step,
        total,
        peak=options.learning_rate,
        warmup=options.warmup,
        schedule=options.schedule,
        decay=options.decay,
        min_rate=options.min_rate,
    )
    set_rate(optimizer, rate)
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)  # keeps the memory of the gradients
    metrics = {**metrics, **training.source.metrics(state.step)}
    return _values(groups, metrics, step=state.step + 1, rate=rate, norm=norm, seconds=time.perf_counter() - started)


def _free_gradients(trained: Trained) -> None:
    """Free the memory of the gradients, so that it is there when the model is measured and saved."""
    for parameter in (*trained.policy.model.parameters(), *trained.parameters.values()):
        parameter.grad = None


def _values(
    groups: list[Group],
    metrics: Mapping[str, float | None],
    *,
    step: int,
    rate: float,
    norm: float,
    seconds: float,
) -> Values:
    tokens = sum(group.size for group in groups)
    return {
        "step": step,
        **metrics,
        "grad_norm": norm,
        "learning_rate": rate,
        "num_tokens": tokens,
        "tokens_per_second": round(tokens / seconds, 1),
    }


def _recent(state: State, values: Values) -> tuple[float, ...]:
    loss = values["loss"]
    return state.losses if loss is None else (*state.losses, loss)[-divergence.WINDOW :]


def _due(every: int | None, step: int, total: int) -> bool:
    """Whether an action is due that happens every `every` steps; None means ten times per run."""
    return step == total or step % (every or max(1, total // 10)) == 0


def _finished(state: State, total: int, options: TrainOptions) -> bool:
    return state.step >= total or (options.patience is not None and state.unimproved >= options.patience)


def _compared_with_best(training: Training, state: State, measured: Mapping[str, float | None]) -> State:
    """The state after an evaluation. If its loss is the best so far, the weights are saved for early stopping."""
    name, more = training.monitor
    value = measured.get(name)
    if value is None:
        return state
    loss = -value if more else value
    if state.best_loss is not None and loss >= state.best_loss:
        return replace(state, unimproved=state.unimproved + 1)
    if training.options.patience is not None:
        save_weights(training.folder / "best.safetensors", training.policy)
    return replace(state, best_loss=loss, best_step=state.step, unimproved=0)
