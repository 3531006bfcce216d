"""The recipe: its keys, how it is read and checked, and the starting recipes."""
