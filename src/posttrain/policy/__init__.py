"""The policy: a Hugging Face causal LM, perhaps with LoRA or a scalar head. It is loaded, run and saved here."""
