"""Rankings and items from files, and judgments as training data."""
