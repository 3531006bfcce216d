"""Splits, mixtures, and token stores on disk."""
