"""The report of a run: one HTML page, and a model card beside each model. Reads a run's folder only."""
