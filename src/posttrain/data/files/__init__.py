"""Data files: JSON Lines, JSON, CSV, text, Parquet and the Hugging Face hub."""
