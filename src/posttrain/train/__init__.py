"""One loop for every technique: groups, pack, forward, objective, step, checkpoint."""
