"""The options of each kind of stage, one file a kind. No file here imports torch."""
