"""Rows become token groups."""
