"""An audit report at a terminal, as JSON and as an HTML page."""
