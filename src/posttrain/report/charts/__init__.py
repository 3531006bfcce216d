"""SVG charts as pure functions, for a page without scripts."""
