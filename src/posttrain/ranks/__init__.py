"""The processes of one run: each has a rank, and together they train one model."""
