"""DPO and its variants equal their formulas, computed by hand and by TRL."""

from collections import defaultdict
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from batches import assert_finite_differences, by_completion, log_sigmoid, random_logp, ranked
from posttrain.core.outputs import Loss, Outputs
from posttrain.core.packing import Batch
from posttrain.objectives.dpo import dpo_loss, dpo_objective
from posttrain.objectives.options import DPOOptions

VARIANTS = {
    "sigmoid": DPOOptions(beta=0.3),
    "cdpo": DPOOptions(beta=0.3, label_smoothing=0.2),
    "length-normalised": DPOOptions(beta=1.5, length_normalized=True),
    "ipo": DPOOptions(beta=0.4, loss="ipo"),
    "with SFT": DPOOptions(beta=0.3, sft_weight=0.7),
    "everything": DPOOptions(beta=0.9, label_smoothing=0.1, length_normalized=True, sft_weight=0.5),
}
rankings = st.lists(st.lists(st.integers(1, 3), min_size=2, max_size=4), min_size=1, max_size=3)
variants = st.sampled_from(list(VARIANTS.values()))


def by_hand(ranks: list[list[int]], batch: Batch, logp_N: Tensor, variant: DPOOptions) -> float:
    """The papers' formulas on plain numbers for each pair, averaged over a group's pairs."""
    policy, reference = by_completion(batch, logp_N), by_completion(batch, batch.columns["ref_logp"])
    total, at = 0.0, 0
    for ranking in ranks:
        losses: list[float] = []
        for i, j in permutations(range(len(ranking)), 2):
            if ranking[i] >= ranking[j]:
                continue
            w, loser = at + i, at + j
            ratio = [sum(policy[c]) - sum(reference[c]) for c in (w, loser)]
            if variant.length_normalized or variant.loss == "ipo":
                ratio = [r / len(policy[c]) for r, c in zip(ratio, (w, loser), strict=True)]
            delta = ratio[0] - ratio[1]
            if variant.loss == "ipo":
                loss = (delta - 1 / (2 * variant.beta)) ** 2
            else:
                eps = variant.label_smoothing
                loss = -(1 - eps) * log_sigmoid(variant.beta * delta) - eps * log_sigmoid(-variant.beta * delta)
            losses.append(loss + variant.sft_weight * -sum(policy[w]) / len(policy[w]))
        total += sum(losses) / len(losses) if losses else 0.0
        at += len(ranking)
    return total


def loss_of(batch: Batch, logp_N: Tensor, variant: DPOOptions) -> Loss:
    return dpo_loss(Outputs(logp_N=logp_N), batch, variant)


@settings(deadline=None)
@given(rankings, variants, st.integers(0, 99))
def test_the_loss_is_the_papers_formula_pair_by_pair(ranks: list[list[int]], variant: DPOOptions, seed: int) -> None:
    batch = ranked(seed, ranks)
    logp_N = random_logp(batch, seed)
    loss = float(loss_of(batch, logp_N, variant).total)
    assert loss == pytest.approx(by_hand(ranks, batch, logp_N, variant), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_its_gradient_is_its_slope(name: str) -> None:
    batch = ranked(3, [[1, 2], [2, 1, 3], [1, 1]])
    assert_finite_differences(lambda logp: loss_of(batch, logp, VARIANTS[name]).total, random_logp(batch))


def trl_loss(batch: Batch, logp_N: Tensor, beta: float, types: list[str], weights: list[float], eps: float) -> Any:
    """TRL's DPO loss and metrics on pairs (chosen first), with our log-probs in place of the model's."""
    trl = pytest.importorskip("trl")
    pairs = len(batch.names)
    order = [*range(0, 2 * pairs, 2), *range(1, 2 * pairs, 2)]
    own, ref = by_completion(batch, logp_N), by_completion(batch, batch.columns["ref_logp"])
    longest = max(len(x) for x in own)
    mask = torch.tensor([[0] + [1] * len(own[c]) + [0] * (longest - len(own[c])) for c in order])
    logps = torch.tensor([own[c] + [0.0] * (longest - len(own[c])) for c in order], dtype=torch.float64)
    sums = torch.tensor([sum(ref[c]) for c in order], dtype=torch.float64)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x, gather=lambda x: x),
        aux_loss_enabled=False,
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        loss_types=types,
        loss_weights=weights,
        beta=beta,
        label_smoothing=eps,
        use_weighting=False,
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "attention_mask": torch.ones_like(mask),
        "completion_mask": mask,
        "ref_chosen_logps": sums[:pairs],
        "ref_rejected_logps": sums[pairs:],
    }
    outputs = SimpleNamespace(
        log_probs=logps, entropy=logps, mean_logits=logps, is_top1=torch.zeros_like(logps, dtype=torch.bool)
    )
    loss = trl.DPOTrainer._compute_loss(trainer, lambda **_: outputs, inputs, False)
    return float(loss), {name: values[0] for name, values in trainer._metrics["train"].items()}


@pytest.mark.parametrize(
    ("variant", "types"),
    [
        (DPOOptions(beta=0.3), ["sigmoid"]),
        (DPOOptions(beta=0.3, length_normalized=True), ["sigmoid_norm"]),
        (DPOOptions(beta=0.4, loss="ipo"), ["ipo"]),
    ],
)
def test_it_equals_trls_on_random_pairs(variant: DPOOptions, types: list[str]) -> None:
    for seed in range(5):
        batch = ranked(seed, [[1, 2]] * 4, loss=1.0)
        logp_N = random_logp(batch, seed)
        expected, metrics = trl_loss(batch, logp_N, variant.beta, types, [1.0], 0.0)
        result = loss_of(batch, logp_N, variant)
        assert float(result.total) / 4 == pytest.approx(expected, abs=1e-5)
        for name, (total, count) in result.metrics.items():
            if name != "loss":
                assert float(total) / float(count) == pytest.approx(metrics[name], abs=1e-5), name


def test_the_sft_term_equals_trls_where_the_chosen_ones_are_of_one_length() -> None:
    """TRL averages over the tokens of the batch; Pang et al. and this project average over each completion."""
    batch = ranked(0, [[1, 2]] * 4, loss=1.0, length=5)
    logp_N = random_logp(batch)
    expected, _ = trl_loss(batch, logp_N, 0.3, ["sigmoid", "sft"], [1.0, 0.7], 0.0)
    assert float(loss_of(batch, logp_N, DPOOptions(beta=0.3, sft_weight=0.7)).total) / 4 == pytest.approx(
        expected, abs=1e-5
    )


def test_label_smoothing_equals_trls_on_one_pair() -> None:
    """TRL 1.16 has cDPO's formula only in its sorted variant, which equals the plain one for a single pair."""
    for seed in range(5):
        batch = ranked(seed, [[1, 2]], loss=1.0)
        logp_N = random_logp(batch, seed)
        expected, _ = trl_loss(batch, logp_N, 0.3, ["aot"], [1.0], 0.2)
        assert float(loss_of(batch, logp_N, VARIANTS["cdpo"]).total) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_policy_that_equals_its_reference_starts_where_it_should(name: str) -> None:
    """The loss is log 2 per pair, or (1/2β)² for ipo, plus the SFT term."""
    variant = VARIANTS[name]
    batch = ranked(0, [[1, 2]])
    logp_N = batch.columns["ref_logp"].double()
    start = 0.693147 if variant.loss == "sigmoid" else (1 / (2 * variant.beta)) ** 2
    start -= variant.sft_weight * float(logp_N[batch.completion_N == 0].mean())
    assert float(loss_of(batch, logp_N, variant).total) == pytest.approx(start, abs=1e-5)


def test_the_gradient_raises_the_chosen_one_and_lowers_the_rejected_one() -> None:
    batch = ranked(0, [[2, 1], [1, 2]])
    for variant in VARIANTS.values():
        logp_N = batch.columns["ref_logp"].double().requires_grad_()
        (gradient,) = torch.autograd.grad(loss_of(batch, logp_N, variant).total, logp_N)
        chosen = (batch.completion_N == 1) | (batch.completion_N == 2)
        assert (gradient[chosen] < 0).all()
        assert (gradient[~chosen] > 0).all()


def test_only_loss_tokens_count_towards_a_length() -> None:
    batch = ranked(0, [[1, 2]], loss=0.3, length=9)
    assert len(batch.predictor_N) < 18
    logp_N = random_logp(batch)
    variant = VARIANTS["length-normalised"]
    expected = by_hand([[1, 2]], batch, logp_N, variant)
    assert float(loss_of(batch, logp_N, variant).total) == pytest.approx(expected, abs=1e-6)


def test_extreme_ratios_stay_finite() -> None:
    batch = ranked(0, [[1, 2]])
    sign = torch.where(batch.completion_N == 0, -1.0, 1.0)
    for variant in (VARIANTS["sigmoid"], VARIANTS["cdpo"]):
        logp_N = (1e5 * sign).requires_grad_()
        loss = loss_of(batch, logp_N, variant).total
        loss.backward()
        assert loss.isfinite()
        assert logp_N.grad is not None
        assert logp_N.grad.isfinite().all()


def test_metrics_hold_no_graph_and_the_objective_says_what_it_needs() -> None:
    batch = ranked(0, [[1, 2]])
    objective = dpo_objective(DPOOptions(sft_weight=0.1))
    loss = objective.loss(Outputs(logp_N=random_logp(batch).requires_grad_()), batch)
    assert loss.total.requires_grad
    for name, pair in loss.metrics.items():
        assert not any(isinstance(x, Tensor) and x.requires_grad for x in pair), name
    assert (objective.wants, objective.needs, objective.unit) == ({"logp"}, {"rank", "ref_logp"}, "group")
