"""A model as a folder for other machines: merged or as an adapter, with its card, its licence and hashes."""
