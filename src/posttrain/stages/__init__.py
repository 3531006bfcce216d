"""What a recipe can say, stage by stage, and what each stage does."""
