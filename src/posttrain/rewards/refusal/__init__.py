"""Refusals: whether an answer refuses, by its words."""
