"""Low-rank adapters: trained, stacked, and read from folders."""
