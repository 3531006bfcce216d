"""Generation of completions: by the policy itself, by vLLM, or by a server."""
