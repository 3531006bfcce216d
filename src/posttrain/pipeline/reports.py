"""The report and the model cards that a run leaves. A failure of theirs is noted and never ends the run."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from posttrain.console import Screen
from posttrain.errors import first_line
from posttrain.report.card import write_model_card
from posttrain.report.write import write_run_report


@contextmanager
def reported(out: Path, screen: Screen) -> Generator[None]:
    """Write the run's report when the block ends: with the run, or when a gate, an error or the user stops it."""
    try:
        yield
    finally:
        try:
            screen.note(f"the report is in {write_run_report(out)}")
        except Exception as error:
            screen.note(f"the report was not written: {first_line(error)}")


def leave_card(out: Path, stage: str, screen: Screen) -> None:
    """Write the card of a stage's model, if it left one and has none."""
    try:
        write_model_card(out, stage)
    except Exception as error:
        screen.note(f"the model card of {stage} was not written: {first_line(error)}")
