"""PPO's settings in `learning.py`, equal on both sides."""

from pathlib import Path

KL, GAMMA, LAMBDA, CLIP, VALUE_CLIP, VALUE_WEIGHT = 0.05, 1.0, 0.95, 0.2, 0.2, 0.1
"""Weight of the KL in the reward (k1); discount; GAE's λ; clips of the ratio and of the value; weight of its loss."""

NO_CLIP = 1e9
"""The norm to which posttrain clips gradients. TRL's PPO does not clip them, whatever its options say."""


def reward_model(folder: str) -> Path:
    """The folder of the reward model, which `learning_reward_model.py` writes."""
    return Path(folder) / "scored"
