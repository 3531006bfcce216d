"""Trials of a stage's rewards for a plan, on the first rows that the rewards would read in a run."""

from collections.abc import Iterator
from pathlib import Path

from posttrain.audit.training.reward_trial import PLANNED, SECONDS, PromptRow, prompt_rows, try_rewards
from posttrain.audit.training.trial import Trial
from posttrain.recipe.schema import Recipe, made_by_stages
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.recipe.stages.pick import PickStage


def planned_trials(recipe: Recipe, name: str, base: Path) -> list[Trial]:
    """The trials of a stage's rewards; none if it has no rewards, or if none of its rows exist before the run.

    Raises:
        InputError: a reward's file or function is missing.
    """
    stage = recipe.stages[name]
    if isinstance(stage, PickStage):
        trials = try_rewards(stage.rewards, _candidate_rows(recipe, stage, base), base, PLANNED, SECONDS)
        return [trial for trial in trials if trial.tried or trial.problem is not None]
    if isinstance(stage, OnPolicyStage) and not made_by_stages(recipe, name):
        return try_rewards(stage.rewards, prompt_rows(stage.data, base), base, PLANNED, SECONDS)
    return []


def _candidate_rows(recipe: Recipe, stage: PickStage, base: Path) -> Iterator[PromptRow]:
    """The rows of files of candidates; for the candidates of a stage, its prompts with the columns that it keeps."""
    for source in stage.data:
        writer = recipe.stages.get(source.path)
        if writer is None:
            yield from prompt_rows([source], base, drop=("candidates",))
        elif isinstance(writer, CandidatesStage) and not source.columns:
            ready = [other for other in writer.data if other.path not in recipe.stages]
            yield from prompt_rows(ready, base, keep=("id", *writer.keep_columns))
