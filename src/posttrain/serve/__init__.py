"""An OpenAI-compatible server for the models of a run, on posttrain's own engine."""
