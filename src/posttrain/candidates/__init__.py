"""Several completions of each prompt, for people to rank."""
