"""A whole run: its directory, its stages in order, its plan, and the audit of its data."""
