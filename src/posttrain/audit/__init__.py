"""The data audit: it finds the faults of a data set before anything is trained on it."""
