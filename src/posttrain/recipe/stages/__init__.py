"""What a recipe may say about each kind of stage, one file a kind. No file here imports torch."""
