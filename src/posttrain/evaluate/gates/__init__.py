"""Gates: claims about a stage's model that must be shown before a run goes on."""
