"""The clipped policy gradient equals its formulas and finite differences; KL estimators equal the exact KL."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from batches import assert_finite_differences, random_logp, ranked
from posttrain.core.outputs import Outputs
from posttrain.core.packing import Batch
from posttrain.objectives.kl import kl_estimate
from posttrain.objectives.options import PolicyGradientOptions, ValueOptions
from posttrain.objectives.policy_gradient import policy_gradient_loss, policy_gradient_objective

VARIANTS: dict[str, tuple[PolicyGradientOptions, dict[str, Any]]] = {
    "ppo": (PolicyGradientOptions(), {"value": ValueOptions(value_weight=0.1)}),
    "grpo": (PolicyGradientOptions(average="completion"), {"kl_weight": 0.04}),
    "dapo": (PolicyGradientOptions(clip_high=0.28), {}),
    "dr grpo": (PolicyGradientOptions(average="constant"), {"length": 16}),
    "gspo": (PolicyGradientOptions(ratio="sequence", average="completion", clip_low=3e-2, clip_high=4e-2), {}),
    "entropy": (PolicyGradientOptions(entropy_weight=0.01), {}),
    "dual clip": (PolicyGradientOptions(dual_clip=1.25), {}),
    "cispo": (PolicyGradientOptions(loss="cispo", clip_low=0.1, clip_high=0.15), {}),
    "sapo": (PolicyGradientOptions(loss="sapo", average="completion", tau_pos=0.8, tau_neg=1.5), {"kl_weight": 0.04}),
}
"""Name → options, and the arguments that the stage adds."""


def sampled(seed: int = 0) -> Batch:
    """Completions with every column an objective may need."""
    batch = ranked(seed, [[1, 2], [1, 2, 3]])
    rng = np.random.default_rng(seed)
    logp = random_logp(batch, seed)
    random = {name: torch.from_numpy(rng.normal(size=len(logp))) for name in ("advantage", "value", "return")}
    near = {name: logp + torch.from_numpy(rng.normal(0, 0.3, len(logp))) for name in ("old_logp", "ref_logp")}
    object.__setattr__(batch, "columns", {**batch.columns, **random, **near})
    return batch


def outputs_of(logp: Tensor, seed: int = 0) -> Outputs:
    rng = np.random.default_rng(seed + 99)
    other = [torch.from_numpy(rng.normal(size=len(logp))) for _ in range(2)]
    return Outputs(logp, entropy_N=other[0], value_N=other[1])


def by_definition(batch: Batch, outputs: Outputs, v: PolicyGradientOptions, more: dict[str, Any]) -> float:
    """The loss in plain Python, with a loop over completions and tokens."""
    kl_weight, head = more.get("kl_weight", 0.0), more.get("value")
    column = {name: values.tolist() for name, values in batch.columns.items()}
    assert outputs.logp_N is not None
    assert outputs.entropy_N is not None
    assert outputs.value_N is not None
    logp, entropy, value = (x.tolist() for x in (outputs.logp_N, outputs.entropy_N, outputs.value_N))
    total = 0.0
    for c in range(len(batch.group_C)):
        places = [n for n in range(len(logp)) if int(batch.completion_N[n]) == c]
        apart = [logp[n] - column["old_logp"][n] for n in places]
        for i, n in enumerate(places):
            ratio = np.exp(np.mean(apart) if v.ratio == "sequence" else apart[i])
            a = column["advantage"][n]
            clipped = min(max(ratio, 1 - v.clip_low), 1 + v.clip_high)
            if v.loss == "clip":
                gain = min(ratio * a, clipped * a)
                gain = max(gain, v.dual_clip * a) if v.dual_clip is not None and a < 0 else gain
            elif v.loss == "cispo":
                gain = clipped * a * logp[n]
            else:
                tau = v.tau_pos if a > 0 else v.tau_neg
                gain = 4 / tau / (1 + np.exp(-tau * (ratio - 1))) * a
            loss = -gain - v.entropy_weight * entropy[n]
            r = column["ref_logp"][n] - logp[n]
            loss += kl_weight * (np.exp(r) - 1 - r)
            if head is not None:
                old, target = column["value"][n], column["return"][n]
                near = old + min(max(value[n] - old, -head.value_clip), head.value_clip)
                loss += head.value_weight * 0.5 * max((value[n] - target) ** 2, (near - target) ** 2)
            total += loss / {"token": 1, "completion": len(places), "constant": more.get("length", 1)}[v.average]
    return total


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("seed", range(4))
def test_it_is_its_formula(name: str, seed: int) -> None:
    batch = sampled(seed)
    outputs = outputs_of(random_logp(batch, seed), seed)
    options, more = VARIANTS[name]
    loss = policy_gradient_loss(outputs, batch, options, **more)
    assert float(loss.total) == pytest.approx(by_definition(batch, outputs, options, more), abs=1e-5)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "cispo"])
def test_its_gradient_is_its_slope(name: str) -> None:
    batch = sampled(1)
    options, more = VARIANTS[name]

    def loss(logp: Tensor) -> Tensor:
        return policy_gradient_loss(outputs_of(logp), batch, options, **more).total

    assert_finite_differences(loss, random_logp(batch, 1))


def test_where_sampling_and_training_agree_the_gradient_is_that_of_reinforce() -> None:
    batch = sampled(2)
    logp = batch.columns["old_logp"].clone().requires_grad_()
    loss = policy_gradient_loss(outputs_of(logp), batch, PolicyGradientOptions())
    (gradient,) = torch.autograd.grad(loss.total, logp)
    assert torch.allclose(gradient, -batch.columns["advantage"])
    assert float(loss.metrics["clip_ratio"][0]) == 0


def test_a_clipped_token_gets_no_gradient() -> None:
    batch = sampled(3)
    logp = (batch.columns["old_logp"] + torch.where(batch.columns["advantage"] > 0, 1.0, -1.0)).requires_grad_()
    loss = policy_gradient_loss(outputs_of(logp), batch, PolicyGradientOptions())
    (gradient,) = torch.autograd.grad(loss.total, logp)
    assert not gradient.any()
    total, count = loss.metrics["clip_ratio"]
    assert float(total) == count


def test_cispo_keeps_the_gradient_of_clipped_tokens() -> None:
    """The gradient is minus the clipped ratio times the advantage; the clip itself has no slope."""
    batch = sampled(3)
    logp = random_logp(batch, 7).requires_grad_()
    loss = policy_gradient_loss(outputs_of(logp), batch, VARIANTS["cispo"][0])
    (gradient,) = torch.autograd.grad(loss.total, logp)
    ratio = (logp.detach() - batch.columns["old_logp"]).exp()
    weight = ratio.clamp(0.9, 1.15)
    assert torch.allclose(gradient, -weight * batch.columns["advantage"])
    assert (gradient != 0).all()
    assert float(loss.metrics["clip_ratio"][0]) == int((ratio != weight).sum()) > 0


def test_the_dual_clip_stops_negative_advantages_beyond_it() -> None:
    batch = sampled(3)
    logp = (batch.columns["old_logp"] + 1.5).requires_grad_()  # every ratio is 4.48
    negative = batch.columns["advantage"] < 0
    for bound, stopped in ((3.0, True), (5.0, False)):
        loss = policy_gradient_loss(outputs_of(logp), batch, PolicyGradientOptions(dual_clip=bound))
        (gradient,) = torch.autograd.grad(loss.total, logp)
        assert bool((gradient[negative] == 0).all()) == stopped
        assert float(loss.metrics["clip_ratio"][0]) == (len(logp) if stopped else int((~negative).sum()))


def test_sapos_gate_has_no_clip_and_falls_off_on_both_sides() -> None:
    batch = sampled(3)

    def weights(shift: float) -> Tensor:
        """The size of each token's gradient by its advantage and ratio."""
        logp = (batch.columns["old_logp"] + shift).requires_grad_()
        loss = policy_gradient_loss(outputs_of(logp), batch, PolicyGradientOptions(loss="sapo"))
        assert "clip_ratio" not in loss.metrics
        (gradient,) = torch.autograd.grad(loss.total, logp)
        return gradient / -batch.columns["advantage"] / float(np.exp(shift))

    assert torch.allclose(weights(0.0), torch.ones(len(batch.target_N), dtype=torch.float64))
    for shift in (-0.5, 0.5):
        assert (weights(shift) < 1).all()
        assert (weights(shift) > 0.8).all()


def test_the_values_clip_is_its_own() -> None:
    """The value loss is the larger of two squared errors, as in PPO's reference code; one of them clips the value."""
    batch = sampled(4)
    with torch.no_grad():
        value = torch.linspace(-2, 2, len(batch.target_N), dtype=torch.float64)
    old, target = batch.columns["value"], batch.columns["return"]
    outputs = Outputs(batch.columns["old_logp"], value_N=value)
    alone = policy_gradient_loss(outputs, batch, PolicyGradientOptions()).total
    for clip in (0.05, 0.5, 9.0):
        held = torch.max(torch.min(value, old + clip), old - clip)
        expected = 0.5 * torch.max((value - target) ** 2, (held - target) ** 2)
        loss = policy_gradient_loss(
            outputs, batch, PolicyGradientOptions(), value=ValueOptions(value_weight=0.3, value_clip=clip)
        )
        assert float(loss.total - alone) == pytest.approx(0.3 * float(expected.sum()))
        assert float(loss.metrics["value_loss"][0]) == pytest.approx(float(expected.sum()))


def test_it_says_what_it_needs() -> None:
    ppo = policy_gradient_objective(PolicyGradientOptions(), value=ValueOptions())
    assert ppo.needs == {"advantage", "old_logp", "value", "return"}
    assert ppo.wants == {"logp", "value"}
    assert policy_gradient_objective(PolicyGradientOptions(), kl_weight=0.1).needs == {
        "advantage",
        "old_logp",
        "ref_logp",
    }
    assert policy_gradient_objective(PolicyGradientOptions(average="completion")).unit == "completion"


@pytest.mark.parametrize(("estimator", "unbiased"), [("k1", True), ("k2", False), ("k3", True)])
def test_estimators_against_the_exact_kl(estimator: str, unbiased: bool) -> None:
    rng = np.random.default_rng(0)
    p, q = (torch.from_numpy(rng.normal(size=7)).log_softmax(-1) for _ in range(2))
    exact = float((p.exp() * (p - q)).sum())
    expected = float((p.exp() * kl_estimate(p, q, estimator)).sum())  # type: ignore[arg-type]
    assert (abs(expected - exact) < 1e-9) == unbiased
    if estimator != "k1":
        assert (kl_estimate(p, q, estimator) >= 0).all()  # type: ignore[arg-type]
