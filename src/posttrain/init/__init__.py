"""Writes a first recipe for a file, with its rows split for training and test: `posttrain init --to`."""
