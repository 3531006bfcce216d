"""Comparison of two models' answers to the same prompts: by a judge, by a reward model, by people, or by a suite."""
