"""Rows of a data set, read and scanned for the checks."""
