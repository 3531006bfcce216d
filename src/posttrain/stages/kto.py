"""Kahneman-Tversky optimisation on answers with a label, with the start model as the reference."""

from dataclasses import replace
from math import ceil

import numpy as np

from posttrain.data.sets.mismatched import mismatched_stores
from posttrain.data.sets.prepare import Prepared
from posttrain.data.sets.store import GroupStore
from posttrain.errors import InputError
from posttrain.objectives.kto import LABEL, kto_objective
from posttrain.recipe.stages.kto import KTOStage
from posttrain.stages.context import Context
from posttrain.stages.technique import Technique
from posttrain.stages.training import curated
from posttrain.train.batches import shuffled

ADVISED = (1.0, 4 / 3)
"""The paper's range of the weight of all true rows over the weight of all false rows (section 4.2)."""


def _technique(stage: KTOStage, seed: int) -> Technique:
    """KTO's objective on groups of an own and a mismatched completion. The reference is the model before training."""

    def with_mismatched(prepared: Prepared, context: Context) -> Prepared:
        for sentence in balance_notes(stage, *_labels_of(prepared.train)):
            context.screen.note(sentence)
        longest = prepared.summary.max_length
        assert longest is not None, "prepared data have the renderer's limit"
        stores = mismatched_stores(
            {"train": prepared.train, **prepared.held_out},
            prepared.train,
            context.folder / "mismatched",
            seed=seed,
            max_length=longest,
        )
        return replace(prepared, train=stores.pop("train"), held_out=stores)

    return Technique(
        task="causal",
        objective=kto_objective(stage),
        order=lambda prepared: shuffled(len(prepared.train), seed),
        regroup=with_mismatched,
    )


def _labels_of(store: GroupStore) -> tuple[int, int]:
    """The numbers of true and of false labels."""
    if len(store) < 2:
        raise InputError("data: KTO needs two rows or more: its KL estimate pairs a prompt with another row's answer")
    labels = np.array([store[index].columns[LABEL][0] for index in range(len(store))])
    return int((labels == 1).sum()), int((labels == 0).sum())


def balance_notes(stage: KTOStage, true: int, false: int) -> list[str]:
    """A sentence if the labels are one-sided, or if the weights leave the range that the paper advises."""
    if not true or not false:
        side, other = ("true", "bad") if true else ("false", "good")
        return [f"labels: all {true + false:,} rows are {side}, so nothing shows the model {other} answers; add some"]
    ratio = true * stage.desirable_weight / (false * stage.undesirable_weight)
    low, high = ADVISED
    if low - 1e-9 <= ratio <= high + 1e-9:
        return []
    key, weight = (
        ("desirable_weight", stage.desirable_weight * low / ratio)
        if ratio < low
        else ("undesirable_weight", stage.undesirable_weight * ratio / high)
    )
    return [
        f"labels: {true:,} rows are true and {false:,} false; with their weights the true rows count {ratio:.3g} times "
        f"as much as the false ones, and KTO's paper advises 1 to 4/3 times; set {key}: {ceil(100 * weight) / 100:g}"
    ]


RUNNER = curated(_technique)
