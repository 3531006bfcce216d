"""People rank blind candidates; their rankings become training data, each pair traceable to who judged what."""
