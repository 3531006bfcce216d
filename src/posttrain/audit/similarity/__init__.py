"""Duplicates, near duplicates, and overlap between training and evaluation data."""
