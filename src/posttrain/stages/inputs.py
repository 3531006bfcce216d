"""The inputs that a stage reads before it loads weights: tokenizer, template and data."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from posttrain.data.chat.encode import Renderer
from posttrain.data.chat.renderer import renderer_of
from posttrain.data.example import Example
from posttrain.data.options import RowOptions
from posttrain.data.sets.prepare import Prepared, prepare
from posttrain.data.sets.split import VALIDATION, part_of
from posttrain.data.summary import DataSummary
from posttrain.evaluate.suite_arguments import check_suite_arguments
from posttrain.policy.device import place
from posttrain.policy.load import end_tokens_of, load_tokenizer
from posttrain.policy.memory import fitting_row
from posttrain.policy.shape import load_config, positions_of
from posttrain.recipe.stages.base import TrainingStage
from posttrain.stages.context import Context

Training = TypeVar("Training", bound=TrainingStage)


def with_fitting_rows(stage: Training, context: Context) -> Training:
    """The stage with `row_tokens` chosen for its start model, unless the recipe sets `row_tokens`."""
    if "row_tokens" in stage.model_fields_set:
        return stage
    config = load_config(context.model, trust_remote_code=stage.trust_remote_code)
    placement = place(stage)
    row = fitting_row(config, stage, placement.device, narrow=placement.autocast is not None)
    return stage.model_copy(update={"row_tokens": row})


def splitter(stage: TrainingStage, seed: int) -> Callable[[Example], str]:
    """The function from a row to its part of the data: training, or one of the held-out parts."""
    share = stage.validation if isinstance(stage.validation, float) else 0.0
    tasks, phrasings = stage.held_out_names
    return partial(part_of, seed=seed, validation=share, tasks=tasks, phrasings=phrasings)


def renderer_for(stage: RowOptions, context: Context, *, trust_remote_code: bool) -> Renderer:
    """The renderer of the stage's conversations for its start model. Notes about the renderer go to the screen.

    Raises:
        InputError: a template or max_length does not fit, or the template does not read an argument of a suite.
    """
    config = load_config(context.model, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(context.model, trust_remote_code=trust_remote_code)
    renderer, notes = renderer_of(
        stage,
        tokenizer,
        end_tokens=end_tokens_of(context.model, tokenizer, config),
        positions=positions_of(config),
        base=context.base,
    )
    for sentence in notes:
        context.screen.note(sentence)
    for name, suite in context.suites.items():
        check_suite_arguments(renderer, suite, f"suites.{name}.template_arguments")
    return renderer


def prepare_data(stage: TrainingStage, renderer: Renderer, context: Context) -> Prepared:
    """Tokenize the stage's data, and report skipped and changed rows on the screen."""
    with context.screen.bar("reading", None) as advance:
        prepared = prepare(
            stage,
            renderer,
            context.folder / "data",
            kind=stage.rows,
            part_of=splitter(stage, context.seed),
            base=context.base,
            on_rows=lambda n: advance(n, "rows"),
        )
    if stage.validation is not None and VALIDATION not in prepared.held_out:
        context.screen.note(
            f"validation: no prompt fell into the share of {stage.validation}; there will be no eval_loss"
        )
    for sentence in summary_lines(prepared.summary):
        context.screen.note(sentence)
    return prepared


def summary_lines(summary: DataSummary) -> list[str]:
    """Lines for users on the rows of each part, and on skipped and changed rows."""
    parts = ", ".join(f"{part} {size.groups:,}" for part, size in summary.parts.items())
    return [f"rows: {parts}; {summary.train.tokens:,} tokens to train on", *left_out_of(summary)]


def left_out_of(summary: DataSummary) -> list[str]:
    """Lines for users on skipped and changed rows, and on unread columns."""
    lines: list[str] = []
    for reason, skipped in summary.skipped.items():
        lines.append(f"left out, {reason}: {skipped.rows:,} rows ({', '.join(skipped.first)})")
    lines.extend(f"{what}: {count:,} rows" for what, count in summary.noted.items())
    lines.extend(f"{what}: {count:,}" for what, count in summary.turns.items())
    if summary.unread:
        listed = ", ".join(f"`{column}` ({count:,} rows)" for column, count in summary.unread.items())
        lines.append(
            f"columns that are not read: {listed}. To add a column to the question, set columns: {{context: NAME}}; "
            "to remove this line, delete the other columns from the file"
        )
    return lines
