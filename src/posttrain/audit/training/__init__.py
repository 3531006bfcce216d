"""Audits that need the trainer's own encoding or rewards: the token budget, and rewards tried on reference answers."""
