"""Verifiable instructions: rules about an answer that a program can check, such as its number of words.

The types are those of J. Zhou et al., "Instruction-Following Evaluation for Large Language Models",
arXiv:2311.07911, table 1.
"""
