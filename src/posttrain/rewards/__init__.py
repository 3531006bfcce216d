"""Rewards: from a completion and its prompt's row to a number."""
