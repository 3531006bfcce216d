"""Intervals, agreement between raters, and distances between rankings."""
