"""Behaviour: suites of questions, metrics of answers, and how sure one can be of a figure."""
