"""What a stage reads before any weight is loaded: tokenizer, template, data."""

from typing import TYPE_CHECKING

from posttrain.data.options import RowOptions
from posttrain.data.sets.split import VALIDATION
from posttrain.data.summary import DataSummary
from posttrain.stages.context import Context

if TYPE_CHECKING:
    from posttrain.data.chat.renderer import Renderer
    from posttrain.data.sets.prepare import Prepared
    from posttrain.stages.technique import Technique, TrainingStage


def renderer_for(stage: RowOptions, context: Context, *, trust_remote_code: bool) -> "Renderer":
    """How the stage's conversations become tokens of the model it starts from; tells what to know about that."""
    from posttrain.data.chat.renderer import renderer_of
    from posttrain.policy.shape import load_config, positions_of
    from posttrain.policy.tokenizer import end_tokens_of, load_tokenizer

    config = load_config(context.model, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(context.model, trust_remote_code=trust_remote_code)
    renderer, told = renderer_of(
        stage,
        tokenizer,
        end_tokens=end_tokens_of(context.model, tokenizer, config),
        positions=positions_of(config),
        base=context.base,
    )
    for sentence in told:
        context.screen.note(sentence)
    return renderer


def prepare_data(stage: "TrainingStage", technique: "Technique", renderer: "Renderer", context: Context) -> "Prepared":
    """The stage's data as tokens, and a word on what was left out."""
    from posttrain.data.sets.prepare import prepare

    with context.screen.bar("reading", None) as advance:
        prepared = prepare(
            stage,
            renderer,
            context.folder / "data",
            kind=technique.kind,
            part_of=technique.part_of,
            base=context.base,
            on_rows=lambda n: advance(n, "rows"),
        )
    if stage.validation is not None and VALIDATION not in prepared.held_out:
        context.screen.note(
            f"validation: no prompt fell into the share of {stage.validation}; there will be no eval_loss"
        )
    for sentence in told_of(prepared.summary):
        context.screen.note(sentence)
    return prepared


def told_of(summary: DataSummary) -> list[str]:
    """What was kept and left out of what is trained on, for people."""
    parts = ", ".join(f"{part} {size.groups:,}" for part, size in summary.parts.items())
    return [f"rows: {parts}; {summary.train.tokens:,} tokens to train on", *left_out_of(summary)]


def left_out_of(summary: DataSummary) -> list[str]:
    """What was left out or changed, for people."""
    told: list[str] = []
    for reason, skipped in summary.skipped.items():
        told.append(f"left out, {reason}: {skipped.rows:,} rows ({', '.join(skipped.first)})")
    told.extend(f"{what}: {count:,} rows" for what, count in summary.noted.items())
    if summary.unread:
        listed = ", ".join(f"`{column}` ({count:,} rows)" for column, count in summary.unread.items())
        told.append(
            f"columns that are not read: {listed}. To join one to the question, say columns: {{context: its_name}}; "
            "drop the others from the file to be rid of this line"
        )
    return told
