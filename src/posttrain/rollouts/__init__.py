"""Rollouts: completions of the policy with rewards and advantages, from which on-policy stages take their groups."""
