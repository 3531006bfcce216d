"""Conversations as tokens: templates, end tokens and loss masks."""
