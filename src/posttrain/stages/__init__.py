"""The work of each kind of stage: preview, memory estimate and run. `recipe.stages` holds their options."""
