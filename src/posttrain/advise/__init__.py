"""Which technique, from the data, the machine and a few answers. Rules as a table; no model is asked."""
