"""Figures of a project: progress, agreement, annotators."""
