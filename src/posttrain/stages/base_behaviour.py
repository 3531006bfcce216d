"""The behaviour of the recipe's model before any training."""

from dataclasses import replace

from posttrain.console import Screen
from posttrain.evaluate.behaviour import measure
from posttrain.evaluate.policy_answerer import with_answerer
from posttrain.policy.open import open_policy
from posttrain.recipe.stages.base import TrainingStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.figures import figures_of_results
from posttrain.stages.inputs import renderer_for


def measure_base(stage: TrainingStage, context: Context) -> dict[str, Figure]:
    """Measure the recipe's model on the suites; ``behaviour/`` in the context's folder then holds the samples.

    Args:
        stage: the stage whose template and device are used.
    """
    quiet = replace(context, screen=Screen(quiet=True))
    renderer = renderer_for(stage, quiet, trust_remote_code=stage.trust_remote_code)
    policy = open_policy(context.model, stage, train=False, on_note=context.screen.note)
    policy.end_tokens = tuple(sorted(renderer.end_tokens))
    results = with_answerer(
        policy,
        renderer,
        lambda answerer: measure(
            answerer, context.suites, base=context.base, folder=context.folder / "behaviour", screen=context.screen
        ),
        seed=context.seed,
    )
    return figures_of_results(results)
