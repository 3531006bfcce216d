"""The policy writing completions."""
