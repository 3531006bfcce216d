"""posttrain: from a raw language model to one a business can rely on, in one recipe."""

__version__ = "0.1.0"
