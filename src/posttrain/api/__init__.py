"""The Python API behind ``import posttrain``: thin functions over the rooms below, and their results."""
