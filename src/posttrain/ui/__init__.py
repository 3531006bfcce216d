"""The live pages of runs, as a section of the ranking app: lists, a run at work, stages compared on a prompt."""
