"""The line of a rollout, and the warnings for a rollout that teaches nothing."""

import pytest

from posttrain.stages.progress import rollout_lines

GOOD = {
    "completions/mean_length": 12.0,
    "completions/clipped_ratio": 0.25,
    "reward": 0.5,
    "pass_rate": 0.125,
    "frac_reward_zero_std": 0.75,
    "kl": 0.02,
}


def test_a_rollout_is_one_line_with_its_figures() -> None:
    (line,) = rollout_lines(3, GOOD)
    for figure in ("12 tokens", "reward 0.5", "12%", "75%", "25%", "KL 0.02"):
        assert figure in line
    assert not list(rollout_lines(4, {"loss": 1.0, "reward": 0.5})), "no rollout begins with this step"


@pytest.mark.parametrize(
    ("name", "word"), [("completions/clipped_ratio", "max_new_tokens"), ("frac_reward_zero_std", "rewards")]
)
def test_a_rollout_that_teaches_nothing_is_warned_of(name: str, word: str) -> None:
    _, warning = rollout_lines(3, GOOD | {name: 1.0})
    assert "warning" in warning
    assert word in warning
