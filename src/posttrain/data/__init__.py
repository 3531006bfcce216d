"""Rows of data files become groups of tokens."""
