"""The options of each kind of stage, one file per kind. No file here imports torch."""
