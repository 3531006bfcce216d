"""KTO equals its paper's formula, computed by hand and by TRL, and its KL estimate is that of the whole step."""

import math
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from batches import assert_finite_differences, by_completion, random_logp
from posttrain.core.group import Group
from posttrain.core.outputs import Loss, Outputs
from posttrain.core.packing import Batch, collate
from posttrain.objectives.kto import kto_loss, kto_objective
from posttrain.objectives.options import KTOOptions
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.probe import settle_layout
from posttrain.train.baseline import with_baseline
from posttrain.train.step import Totals, accumulate, evaluate
from structures import random_group
from tiny_models import BRANCHING, assert_same_gradients, save_model

OPTIONS = KTOOptions(beta=0.3, desirable_weight=1.2, undesirable_weight=0.7)
LABELS = (1, 0, 0, 1, 0)


def batch_of(labels: tuple[int, ...] = LABELS, *, kl: float = 0.4, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    groups: list[Group] = []
    for label in labels:
        group = random_group(rng, 3, [int(rng.integers(1, 9))], loss=1.0)
        values = {"label": label, "kl": kl}
        columns = {name: np.array([value], np.float32) for name, value in values.items()}
        groups.append(replace(group, columns={"ref_logp": group.columns["ref_logp"], **columns}))
    return collate(groups)


def loss_of(batch: Batch, logp_N: Tensor, options: KTOOptions = OPTIONS) -> Loss:
    return kto_loss(Outputs(logp_N=logp_N), batch, options)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_papers_formula_row_by_row(seed: int) -> None:
    batch = batch_of(seed=seed)
    logp_N = random_logp(batch, seed)
    own, ref = by_completion(batch, logp_N), by_completion(batch, batch.columns["ref_logp"])
    expected = 0.0
    for label, y, y_ref in zip(LABELS, own, ref, strict=True):
        ratio = sum(y) - sum(y_ref)
        value = 1.2 * sigmoid(0.3 * (ratio - 0.4)) if label else 0.7 * sigmoid(0.3 * (0.4 - ratio))
        expected += (1.2 if label else 0.7) - value
    assert float(loss_of(batch, logp_N).total) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("labels", "kl"), [(LABELS, 0.4), (LABELS, -1.5), ((1, 1), 0.0), ((0, 0, 0), 2.0)])
def test_the_loss_and_the_metrics_equal_trls(labels: tuple[int, ...], kl: float) -> None:
    """`kl` is the mean of the mismatched log-ratios; TRL raises a negative one to 0, and the baseline does so here."""
    trl = pytest.importorskip("trl")
    batch = batch_of(labels, kl=max(0.0, kl))
    logp_N = random_logp(batch)
    own, ref = by_completion(batch, logp_N), by_completion(batch, batch.columns["ref_logp"])
    longest = max(len(x) for x in own)
    mask = torch.tensor([[0] + [1] * len(x) + [0] * (longest - len(x)) for x in own])
    logps = torch.tensor([x + [0.0] * (longest - len(x)) for x in own], dtype=torch.float64)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x),
        aux_loss_enabled=False,
        precompute_ref_logps=True,
        calculate_KL=True,
        loss_type="kto",
        beta=OPTIONS.beta,
        desirable_weight=OPTIONS.desirable_weight,
        undesirable_weight=OPTIONS.undesirable_weight,
        _compute_kl_logps=lambda model, inputs: torch.zeros(len(labels)) + kl,
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "attention_mask": torch.ones_like(mask),
        "completion_mask": mask,
        "label": torch.tensor(labels, dtype=torch.bool),
        "ref_logps": torch.tensor([sum(x) for x in ref], dtype=torch.float64),
        "ref_KL_logps": torch.zeros(len(labels)),
    }
    outputs = SimpleNamespace(log_probs=logps, entropy=logps, mean_logits=logps)
    expected = float(trl.KTOTrainer._compute_loss(trainer, lambda **_: outputs, inputs, False))
    result = loss_of(batch, logp_N)
    assert float(result.total) / len(labels) == pytest.approx(expected, abs=1e-5)
    totals = Totals()
    totals.add(result.metrics)
    own_means = {n: m.value for n, m in totals.means(kto_objective(OPTIONS).differences).items() if m.value is not None}
    trls = {name: values[0] for name, values in trainer._metrics["train"].items()}
    shared = {n for n in trls if n == "kl" or n.startswith(("rewards/", "logps/"))}
    assert own_means.keys() == {*shared, "loss"}
    assert ("rewards/margins" in shared) == (len(set(labels)) == 2)
    assert {n: own_means[n] for n in shared} == pytest.approx({n: trls[n] for n in shared}, abs=1e-5)


def test_its_gradient_is_its_slope_and_has_the_labels_direction() -> None:
    batch = batch_of()
    assert_finite_differences(lambda logp: loss_of(batch, logp).total, random_logp(batch))
    logp_N = random_logp(batch).requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(batch, logp_N).total, logp_N)
    good = batch.columns["label"][batch.completion_N] == 1
    assert (gradient[good] < 0).all()
    assert (gradient[~good] > 0).all()


def test_extreme_ratios_stay_finite() -> None:
    batch = batch_of()
    logp_N = torch.full((len(batch.predictor_N),), -1e5).requires_grad_()
    loss_of(batch, logp_N).total.backward()
    assert logp_N.grad is not None
    assert logp_N.grad.isfinite().all()


def step_of(shift: float, seed: int = 0) -> list[Group]:
    """Groups of an own and a mismatched completion of different sizes; `shift` is added to the reference log-probs."""
    rng = np.random.default_rng(seed)
    groups: list[Group] = []
    for i in range(8):
        group = random_group(rng, 1 + 2 * i, [int(n) for n in rng.integers(1, 4 + 3 * i, 2)])
        values = {"label": [i % 2, i % 2], "mismatched": [0, 1]}
        columns = {name: np.array(value, np.float32) for name, value in values.items()}
        ref_logp = np.full(group.loss_tokens, shift, np.float32)
        groups.append(replace(group, columns={"ref_logp": ref_logp, **columns}))
    return groups


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("model"), BRANCHING["llama"])


@pytest.fixture(scope="module")
def policy(folder: str) -> Policy:
    policy = load_policy(folder)
    settle_layout(policy)
    return policy


def mean_log_ratio(folder: str, groups: list[Group]) -> float:
    """z_0 before the clamp, from transformers' own logits of one mismatched sequence at a time."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    ratios: list[float] = []
    for group in groups:
        other = group.completions[1]
        tokens = torch.tensor(np.concatenate([group.prompt, other.tokens]).astype(np.int64))[None]
        with torch.no_grad():
            logits = model(tokens).logits[0].log_softmax(-1)
        at = len(group.prompt) + np.flatnonzero(other.loss)
        own = sum(float(logits[t - 1, tokens[0, t]]) for t in at)
        ratios.append(own - float(group.columns["ref_logp"][-len(at) :].sum()))
    return float(np.mean(ratios))


@pytest.mark.parametrize("shift", [-6.0, -1.0])
def test_the_kl_estimate_is_the_mean_over_the_step_raised_to_zero(policy: Policy, folder: str, shift: float) -> None:
    groups, objective = step_of(shift), kto_objective(OPTIONS)
    expected = mean_log_ratio(folder, groups)
    assert (expected > 0) == (shift == -6.0)
    for row_tokens in (1, 60, 10_000):
        ready = with_baseline(policy, objective, groups, row_tokens)
        assert [len(group.completions) for group in ready] == [1] * len(groups)
        for group, whole in zip(ready, groups, strict=True):
            assert group.columns["kl"] == pytest.approx(max(0.0, expected), abs=1e-4)
            assert np.array_equal(group.completions[0].tokens, whole.completions[0].tokens)
            assert len(group.columns["ref_logp"]) == group.loss_tokens


def test_the_cut_into_rows_does_not_change_a_step(policy: Policy) -> None:
    groups, objective = step_of(-6.0), kto_objective(OPTIONS)
    found: list[Any] = []
    for row_tokens in (1, 60, 10_000):
        policy.model.zero_grad(set_to_none=True)
        ready = with_baseline(policy, objective, groups, row_tokens)
        means = accumulate(policy, objective, ready, row_tokens)
        gradients = [(n, p.grad.clone()) for n, p in policy.model.named_parameters() if p.grad is not None]
        found.append((means, gradients))
    for means, gradients in found[1:]:
        assert_same_gradients(gradients, found[0][1], 1e-5)
        assert means["loss"].value == pytest.approx(found[0][0]["loss"].value, abs=1e-6)
        assert means["rewards/margins"].value == pytest.approx(found[0][0]["rewards/margins"].value, abs=1e-6)
    means = found[0][0]
    assert means["rewards/chosen"].n == 4
    assert means["rewards/margins"].n == 8
    assert means["rewards/margins"].value == means["rewards/chosen"].value - means["rewards/rejected"].value


def test_an_evaluation_takes_its_kl_over_all_held_out_groups(
    policy: Policy, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = step_of(-6.0)
    whole = evaluate(policy, kto_objective(OPTIONS), groups, 60)
    monkeypatch.setattr("posttrain.train.step.EVAL_GROUPS", 3)
    parts = evaluate(policy, kto_objective(OPTIONS), groups, 60)
    assert whole["kl"].value == pytest.approx(mean_log_ratio(folder, groups), abs=1e-4)
    for name, mean in whole.items():
        assert parts[name].value == pytest.approx(mean.value, abs=1e-4), name


def test_the_objective_names_what_it_needs() -> None:
    objective = kto_objective(OPTIONS)
    assert objective.needs == {"label", "mismatched", "ref_logp"}
    assert objective.unit == "completion"
