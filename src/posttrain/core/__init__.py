"""Tensors only: groups, packing, attention over branches, log-probs. Imports nothing else of the project."""
