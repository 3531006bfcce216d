"""The built-in demo: a fictional pharmaceutical company, its data generator and its tiny base model."""
