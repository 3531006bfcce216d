"""Advises which technique to use, from the data, the machine and a few answers. A table of rules decides, no model."""
