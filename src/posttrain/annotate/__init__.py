"""People rank blind candidates; their rankings become training data, and each row can be traced to its judgments."""
