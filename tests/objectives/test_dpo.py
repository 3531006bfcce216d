"""DPO and its variants equal their formulas, computed by hand and by TRL."""

import math
from collections import defaultdict
from dataclasses import replace
from itertools import permutations
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
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
    "robust": DPOOptions(beta=0.3, loss="robust", label_smoothing=0.2),
    "hinge": DPOOptions(beta=0.3, loss="hinge"),
    "hinge, length-normalised": DPOOptions(beta=1.5, loss="hinge", length_normalized=True),
    "apo_zero": DPOOptions(beta=0.3, loss="apo_zero"),
    "apo_down": DPOOptions(beta=0.3, loss="apo_down"),
    "simpo": DPOOptions(beta=2.0, loss="simpo", gamma=0.7),
    "simpo, usual margin": DPOOptions(beta=2.5, loss="simpo"),
    "orpo": DPOOptions(beta=0.2, loss="orpo"),
    "a mixture": DPOOptions(beta=0.3, loss={"sigmoid": 0.8, "hinge": 0.2}, sft_weight=0.5),
    "a mixture with ORPO": DPOOptions(beta=0.3, loss={"orpo": 2.0, "apo_zero": 0.5}),
    "everything": DPOOptions(beta=0.9, label_smoothing=0.1, length_normalized=True, sft_weight=0.5),
}
rankings = st.lists(st.lists(st.integers(1, 3), min_size=2, max_size=4), min_size=1, max_size=3)
variants = st.sampled_from(list(VARIANTS.values()))


def by_hand(ranks: list[list[int]], batch: Batch, logp_N: Tensor, variant: DPOOptions) -> float:
    """The papers' formulas on plain numbers for each pair, averaged over a group's pairs."""
    reference_free = set(variant.loss_weights) <= {"simpo", "orpo"}
    policy = by_completion(batch, logp_N)
    reference = [[0.0]] * len(policy) if reference_free else by_completion(batch, batch.columns["ref_logp"])
    total, at = 0.0, 0
    for ranking in ranks:
        losses: list[float] = []
        for i, j in permutations(range(len(ranking)), 2):
            if ranking[i] >= ranking[j]:
                continue
            w, l = ((policy[c], sum(reference[c])) for c in (at + i, at + j))  # noqa: E741
            loss = sum(weight * pair_loss(name, w, l, variant) for name, weight in variant.loss_weights.items())
            losses.append(loss + variant.sft_weight * -fmean(policy[at + i]))
        total += sum(losses) / len(losses) if losses else 0.0
        at += len(ranking)
    return total


def pair_loss(name: str, w: tuple[list[float], float], l: tuple[list[float], float], variant: DPOOptions) -> float:  # noqa: E741
    """One loss of one pair; each side is the log-probs of its tokens, and the sum of those of the reference."""
    beta, eps = variant.beta, variant.label_smoothing
    per_token = variant.length_normalized or name == "ipo"
    r_w, r_l = ((sum(logp) - ref) / (len(logp) if per_token else 1) for logp, ref in (w, l))
    m_w, m_l = fmean(w[0]), fmean(l[0])
    delta = r_w - r_l
    match name:
        case "sigmoid":
            return -(1 - eps) * log_sigmoid(beta * delta) - eps * log_sigmoid(-beta * delta)
        case "robust":
            clean, flipped = -log_sigmoid(beta * delta), -log_sigmoid(-beta * delta)
            return ((1 - eps) * clean - eps * flipped) / (1 - 2 * eps)
        case "ipo":
            return (delta - 1 / (2 * beta)) ** 2
        case "hinge":
            return max(0.0, 1 - beta * delta)
        case "apo_zero":
            return (1 - sigmoid(beta * r_w)) + sigmoid(beta * r_l)
        case "apo_down":
            return sigmoid(beta * r_w) + (1 - sigmoid(beta * delta))
        case "simpo":
            return -log_sigmoid(beta * (m_w - m_l) - (beta / 2 if variant.gamma is None else variant.gamma))
        case _:
            odds_w, odds_l = (math.exp(m) / (1 - math.exp(m)) for m in (m_w, m_l))
            return -m_w - beta * log_sigmoid(math.log(odds_w / odds_l))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def loss_of(batch: Batch, logp_N: Tensor, variant: DPOOptions) -> Loss:
    return dpo_loss(Outputs(logp_N=logp_N), batch, variant)


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
        (VARIANTS["robust"], ["robust"]),
        (VARIANTS["hinge"], ["hinge"]),
        (VARIANTS["apo_zero"], ["apo_zero"]),
        (VARIANTS["apo_down"], ["apo_down"]),
    ],
)
def test_it_equals_trls_on_random_pairs(variant: DPOOptions, types: list[str]) -> None:
    for seed in range(5):
        batch = ranked(seed, [[1, 2]] * 4, loss=1.0)
        logp_N = random_logp(batch, seed)
        expected, metrics = trl_loss(batch, logp_N, variant.beta, types, [1.0], variant.label_smoothing)
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


STARTS = {
    "sigmoid": math.log(2),
    "cdpo": math.log(2),
    "length-normalised": math.log(2),
    "with SFT": math.log(2),
    "everything": math.log(2),
    "robust": math.log(2),
    "ipo": (1 / 0.8) ** 2,
    "hinge": 1.0,
    "apo_zero": 1.0,
    "apo_down": 1.0,
    "a mixture": 0.8 * math.log(2) + 0.2,
}
"""The loss of a pair, without the SFT term, while the policy equals its reference."""


@pytest.mark.parametrize("name", STARTS)
def test_the_policy_that_equals_its_reference_starts_where_it_should(name: str) -> None:
    variant = VARIANTS[name]
    batch = ranked(0, [[1, 2]])
    logp_N = batch.columns["ref_logp"].double()
    start = STARTS[name] - variant.sft_weight * float(logp_N[batch.completion_N == 0].mean())
    assert float(loss_of(batch, logp_N, variant).total) == pytest.approx(start, abs=1e-5)


def test_the_gradient_raises_the_chosen_one_and_lowers_the_rejected_one() -> None:
    batch = ranked(0, [[2, 1], [1, 2]])
    for name, variant in VARIANTS.items():
        if name == "apo_down":  # its gradient on the chosen one is 0 here, and lowers it as soon as it is ahead
            continue
        logp_N = random_logp(batch).requires_grad_()
        batch.columns["ref_logp"].copy_(logp_N.detach())
        (gradient,) = torch.autograd.grad(loss_of(batch, logp_N, variant).total, logp_N)
        chosen = (batch.completion_N == 1) | (batch.completion_N == 2)
        assert (gradient[chosen] < 0).all(), name
        assert (gradient[~chosen] > 0).all(), name


def test_apo_down_lowers_the_rejected_completion_more_than_the_chosen_one() -> None:
    batch = ranked(0, [[1, 2]])
    is_chosen = batch.completion_N == 0
    apart = torch.where(is_chosen, 1.0 / is_chosen.sum(), -1.0 / (~is_chosen).sum())  # r_w = 1, r_l = -1
    logp_N = (batch.columns["ref_logp"].double() + apart).requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(batch, logp_N, DPOOptions(beta=1.0, loss="apo_down")).total, logp_N)
    chosen = float(gradient[batch.completion_N == 0][0])
    rejected = float(gradient[batch.completion_N == 1][0])
    assert 0.05 < chosen < rejected


@pytest.mark.parametrize("name", ["simpo", "orpo"])
def test_a_reference_free_loss_reads_no_reference(name: str) -> None:
    batch = ranked(1, [[1, 2], [2, 1]])
    bare = replace(batch, columns={"rank": batch.columns["rank"]})
    logp_N = random_logp(batch)
    assert dpo_objective(VARIANTS[name]).needs == {"rank"}
    assert torch.equal(loss_of(bare, logp_N, VARIANTS[name]).total, loss_of(batch, logp_N, VARIANTS[name]).total)
    metrics = loss_of(bare, logp_N, VARIANTS[name]).metrics
    means = [fmean(tokens) for tokens in by_completion(batch, logp_N)]
    total, count = metrics["rewards/chosen"]
    assert float(total) / float(count) == pytest.approx(VARIANTS[name].beta * (means[0] + means[3]) / 2, abs=1e-6)


def test_orpos_odds_are_those_of_trl() -> None:
    orpo = pytest.importorskip("trl.experimental.orpo.orpo_trainer")
    batch = ranked(2, [[1, 2]] * 4)
    logp_N = random_logp(batch)
    means = torch.tensor([fmean(tokens) for tokens in by_completion(batch, logp_N)], dtype=torch.float64)
    trainer = SimpleNamespace(beta=0.2, accelerator=SimpleNamespace(device="cpu"))
    term = orpo.ORPOTrainer.odds_ratio_loss(trainer, means[0::2], means[1::2])[0]
    expected = float((-means[0::2] - term).sum())  # the SFT term of each chosen completion, and the odds ratio
    assert float(loss_of(batch, logp_N, VARIANTS["orpo"]).total) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 0.5}, "gamma is not used by the loss sigmoid"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "label_smoothing is not used by the loss hinge"),
        ({"loss": "simpo", "beta": 2, "length_normalized": True}, "length_normalized is not used by the loss simpo"),
        ({"loss": "orpo", "sft_weight": 1}, r"sft_weight is not used by the loss orpo \(its own SFT term"),
        ({"loss": {"apo_zero": 1, "apo_down": 1}, "gamma": 1}, r"gamma is not used by the loss apo_zero \+ apo_down"),
        ({"loss": "robust"}, "the loss robust needs label_smoothing"),
        ({"loss": "simpo"}, "the loss simpo needs beta"),
        ({"loss": {}}, "at least 1 item"),
        ({"loss": {"sigmoid": 0}}, "greater than 0"),
    ],
)
def test_an_option_that_the_loss_does_not_use_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DPOOptions(**options)


def test_an_option_is_accepted_if_one_loss_of_a_mixture_uses_it() -> None:
    options = DPOOptions(loss={"simpo": 1.0, "sigmoid": 0.5}, beta=2.0, gamma=1.0, label_smoothing=0.1)
    assert options.needs_reference
    assert options.loss_weights == {"simpo": 1.0, "sigmoid": 0.5}


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
