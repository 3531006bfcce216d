"""The kinds of suites: one module a kind, with its options, its row check and its measures."""
