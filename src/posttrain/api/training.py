"""`fit`: the training loop for groups and losses of one's own."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posttrain.api.display import Displayed, Sheet
from posttrain.console import Screen
from posttrain.core.group import Group
from posttrain.core.outputs import Objective
from posttrain.errors import InputError
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.save import save_policy
from posttrain.train.batches import DatasetBatches, shuffled
from posttrain.train.loop import VALIDATION, Callbacks, Training, train_policy
from posttrain.train.metrics_log import read_metrics
from posttrain.train.options import TrainOptions
from posttrain.train.step import Mean

REFERENCE = "ref_logp"
"""The column of log-probs under the model as it was before training."""

SHOWN = ("step", "loss", "grad_norm", "learning_rate")
"""The figures of a step that the table shows."""


@dataclass(frozen=True, slots=True, repr=False)
class FitResult(Displayed):
    """A policy after training, and what was measured meanwhile.

    Args:
        policy: the policy that was given, trained.
        metrics: the figures of each optimiser step, in order.
        evaluations: the held-out figures of each evaluation, in order.
        held_out: the held-out figures of the policy as it is now: ``eval_loss`` and others.
        folder: where checkpoints and ``metrics.jsonl`` are; None where they were not kept.
    """

    policy: Policy
    metrics: tuple[Mapping[str, Any], ...]
    evaluations: tuple[Mapping[str, Any], ...]
    held_out: Mapping[str, Mean]
    folder: Path | None

    def save(self, folder: str | Path) -> Path:
        """Save the policy as a folder that transformers and peft load."""
        save_policy(self.policy, Path(folder))
        return Path(folder)

    def sheet(self) -> Sheet:
        """The first and the last steps as a table."""
        steps = self.metrics if len(self.metrics) <= 6 else (*self.metrics[:3], *self.metrics[-3:])
        rows = [[_number(step.get(key)) for key in SHOWN] for step in steps]
        notes = [f"{name}: {_number(mean.value)} (n = {mean.n:,})" for name, mean in self.held_out.items()]
        return Sheet(f"{len(self.metrics):,} steps", SHOWN, rows, notes)


def fit(
    policy: Policy,
    groups: Sequence[Group],
    objective: Objective,
    options: TrainOptions | None = None,
    *,
    held_out: Sequence[Group] = (),
    folder: str | Path | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> FitResult:
    """Train a policy in place on groups and a loss of one's own.

    Each epoch sees every group once, in an order that follows from `seed`. Where the objective needs the column
    ``ref_logp`` and the groups lack it, it is computed with the policy as it is before the first step.

    Args:
        policy: from `posttrain.open_policy`.
        groups: what to train on.
        objective: one of `posttrain.objectives`, or an `Objective` with a loss of one's own.
        options: how to train; the defaults of a recipe if None.
        held_out: groups that are only evaluated on.
        folder: takes checkpoints and ``metrics.jsonl``; called again with it, training goes on where it stopped. If
            None, they go to a temporary folder that is deleted at the end.
        seed: of the order of groups.
        quiet: print no notes and no progress.

    Raises:
        InputError: there are no groups, or they lack a column that the objective needs.
        RunError: the loss diverged.
    """
    options = options or TrainOptions()
    for where, part in (("groups", groups), ("held_out", held_out)):
        _check(where, part, objective)
    if not groups:
        raise InputError("groups: there are none; training needs at least one")
    groups = _with_reference(policy, groups, objective, options)
    held_out = _with_reference(policy, held_out, objective, options)
    sizes = [group.size for group in groups]
    size = None if options.batch_tokens else options.batch_size
    source = DatasetBatches(groups, sizes, shuffled(len(groups), seed), size, options.batch_tokens)
    with TemporaryDirectory() if folder is None else nullcontext(str(folder)) as place:
        sets = {VALIDATION: held_out} if held_out else {}
        training = Training(policy, source, objective, options, Path(place), sets)
        if folder is None and options.save_every is None:  # no earlier checkpoint than the last is of use
            training = replace(training, options=options.model_copy(update={"save_every": training.steps}))
        screen = Screen(quiet=quiet)
        with screen.bar("training", training.steps) as advance:
            _, measured = train_policy(
                training,
                Callbacks(
                    on_step=lambda done, total, values: advance(done, f"loss {_number(values.get('loss'))}"),
                    on_note=screen.note,
                ),
            )
        lines = read_metrics(Path(place) / "metrics.jsonl")
    steps, evaluations = (tuple(line for line in lines if line["split"] == split) for split in ("train", "eval"))
    return FitResult(policy, steps, evaluations, measured, None if folder is None else Path(folder))


def _check(where: str, groups: Sequence[Group], objective: Objective) -> None:
    for number, group in enumerate(groups):
        if missing := objective.needs - group.columns.keys() - {REFERENCE}:
            lacking = ", ".join(sorted(missing))
            raise InputError(f"{where}[{number}] ({group.where}): the objective needs {lacking}; add it to `columns`")


def _with_reference(
    policy: Policy, groups: Sequence[Group], objective: Objective, options: TrainOptions
) -> Sequence[Group]:
    """The groups with the log-probs of the policy as it is, where the objective needs them and a group lacks them."""
    if REFERENCE not in objective.needs or all(REFERENCE in group.columns for group in groups):
        return groups
    completed: list[Group] = []
    for group, outputs in zip(groups, outputs_by_group(policy, groups, {"logp"}, options.row_tokens), strict=True):
        assert outputs.logp_N is not None
        completed.append(replace(group, columns={REFERENCE: outputs.logp_N.numpy(), **group.columns}))
    return completed


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}"
