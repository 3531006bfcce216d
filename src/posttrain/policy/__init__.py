"""The policy: a Hugging Face causal LM, perhaps with LoRA and a scalar head; load, run, save."""
