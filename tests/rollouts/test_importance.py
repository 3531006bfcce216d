"""Completions of another engine are weighed by how likely the trainer would have drawn them."""

from dataclasses import replace

import numpy as np
import pytest

from byte_model import save_byte_model
from experiences import experience
from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.errors import RunError
from posttrain.generation.engine import generate_completions
from posttrain.generation.options import Importance
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy, load_policy
from posttrain.rollouts.grpo import grpo_advantages
from posttrain.rollouts.importance import corrected, importance_weights
from posttrain.rollouts.types import Rollout, RolloutState


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_policy(str(save_byte_model(tmp_path_factory.mktemp("byte") / "model")))


@pytest.fixture
def own(policy: Policy) -> Rollout:
    """Generation by the trainer's own engine: its log-probs are the trainer's."""
    bare = experience([[0.0, 1.0], [2.0, 1.0]])
    written = generate_completions(policy, [p.tokens for p in bare.prompts], Sampling(6, temperature=1.5), n=2)
    return replace(bare, written=tuple(tuple(group) for group in written))


def shifted(own: Rollout, nats: float) -> Rollout:
    return replace(
        own,
        written=tuple(tuple(replace(one, logp=one.logp + np.float32(nats)) for one in group) for group in own.written),
    )


@pytest.mark.parametrize(("nats", "weight"), [(0.0, 1.0), (0.4, np.exp(-0.4)), (-0.4, np.exp(0.4)), (0.45, 0.65)])
def test_the_weight_of_a_token_is_the_probability_ratio_up_to_the_cap(
    policy: Policy, own: Rollout, nats: float, weight: float
) -> None:
    weighted, figures = corrected(shifted(own, nats), policy, row_tokens=64, temperature=1.5, cap=1.4, floor=0.65)
    weight = min(weight, 1.4)
    for group, before in zip(weighted.written, own.written, strict=True):
        for one, was in zip(group, before, strict=True):
            assert one.importance == pytest.approx(np.full(len(one.tokens), weight), abs=1e-4)
            assert one.logp == pytest.approx(was.logp, abs=1e-4)
            assert (one.tokens == was.tokens).all()
    ratio = "sampling/importance_sampling_ratio"
    assert [figures[f"{ratio}/{name}"] for name in ("min", "mean", "max")] == pytest.approx([weight] * 3, abs=1e-4)
    assert figures[f"{ratio}/clipped"] == (abs(nats) > 0.44 or nats == -0.4)
    difference = "sampling/sampling_logp_difference"
    assert [figures[f"{difference}/{name}"] for name in ("mean", "max")] == pytest.approx([abs(nats)] * 2, abs=1e-4)


@pytest.mark.parametrize(
    ("mode", "weights"),
    [
        ("token_truncate", [0.5, 1.5, 2.0]),
        ("token_mask", [0.5, 1.5, 0.0]),
        ("sequence_truncate", [2.0] * 3),
        ("sequence_mask", [0.0] * 3),
    ],
)
def test_the_modes_by_hand(mode: Importance, weights: list[float]) -> None:
    apart = np.log(np.array([0.5, 1.5, 3.0], np.float32))
    assert importance_weights(apart, 2.0, mode) == pytest.approx(weights)
    product = 0.5 * 1.5 * 3.0
    whole = [product] * 3 if mode.startswith("sequence") else [0.5, 1.5, 3.0]
    assert importance_weights(apart, 9.0, mode) == pytest.approx(whole), "below the cap, modes differ by level alone"
    assert importance_weights(apart, 9.0, mode).dtype == np.float32


def test_a_lower_bound_lifts_weights_or_leaves_tokens_out() -> None:
    apart = np.log(np.array([0.5, 1.5, 3.0], np.float32))
    assert importance_weights(apart, 2.0, "token_truncate", 0.8) == pytest.approx([0.8, 1.5, 2.0])
    assert importance_weights(apart, 2.0, "token_mask", 0.8) == pytest.approx([0.0, 1.5, 0.0])
    assert importance_weights(-apart, 2.0, "sequence_mask", 0.8) == pytest.approx([0.0] * 3)
    assert importance_weights(-apart, 2.0, "sequence_truncate", 0.8) == pytest.approx([0.8] * 3)


def test_log_probs_of_other_weights_stop_the_run(policy: Policy, own: Rollout) -> None:
    with pytest.raises(RunError, match=r"0\.60 nats a token .*other weights.*--logprobs-mode processed_logprobs"):
        corrected(shifted(own, 0.6), policy, row_tokens=64, temperature=1.5, cap=2.0)


def test_the_mode_reaches_the_weights(policy: Policy, own: Rollout) -> None:
    """Each token is 0.4 nats less probable to the trainer, so a completion of L tokens has the weight exp(-0.4 L)."""
    weighted, figures = corrected(
        shifted(own, 0.4), policy, row_tokens=64, temperature=1.5, cap=2.0, mode="sequence_truncate"
    )
    assert figures["sampling/importance_sampling_ratio/clipped"] == 0
    for one in (one for group in weighted.written for one in group):
        assert one.importance == pytest.approx(np.full(len(one.tokens), np.exp(-0.4 * len(one.tokens))), rel=1e-3)


def test_the_weights_reach_the_objective_also_if_truncated_completions_are_masked(policy: Policy, own: Rollout) -> None:
    weighted, _ = corrected(shifted(own, 0.4), policy, row_tokens=64, temperature=1.5, cap=2.0)
    one = replace(weighted.written[0][0], ended=False)
    rest = tuple(replace(w, ended=True) for w in weighted.written[0][1:])
    weighted = replace(weighted, written=((one, *rest), *weighted.written[1:]))
    groups, _, _ = grpo_advantages(GRPOAdvantageOptions(scale_rewards="group", mask_truncated=True), reference=None)(
        weighted, RolloutState()
    )
    lengths = [sum(int(c.loss.sum()) for c in group.completions) for group in groups]
    assert [len(group.columns["importance"]) for group in groups] == lengths
    assert lengths[0] == len(rest[0].tokens)


def test_completions_of_the_trainer_have_no_weights(own: Rollout) -> None:
    assert all("importance" not in group.columns for group in own.groups())
