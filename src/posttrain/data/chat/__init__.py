"""Conversations become tokens: chat templates, end tokens and loss masks."""
