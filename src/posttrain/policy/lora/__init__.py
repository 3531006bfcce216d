"""Low-rank adapters: training, stacking, and reading from folders."""
