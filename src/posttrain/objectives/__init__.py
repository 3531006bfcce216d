"""Losses as pure functions of log-probs and columns; a page each, beside its formula and its paper."""
