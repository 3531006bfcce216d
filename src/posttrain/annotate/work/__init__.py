"""Projects, the queue of items, and judgments."""
