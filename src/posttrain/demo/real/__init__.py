"""The demo on a real language model, SmolLM2-135M-Instruct."""
