"""Generation by a vLLM server with the policy's current weights."""
