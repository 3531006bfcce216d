"""The last table: each figure in its own unit."""

import pytest

from posttrain.cli.tables import show_figures
from posttrain.pipeline.figure_cells import cells
from posttrain.stages.context import Figure

CASES = {
    "a share": (Figure(0.25, 0.5, 8, (0.2, 0.8), "share", "pairs"), ("25.0%", "50.0%", "20.0% to 80.0%", "8 pairs")),
    "an alpha with an interval": (
        Figure(None, -0.125, 12, (-0.5, 0.25), of="items"),
        ("–", "-0.1250", "-0.5000 to 0.2500", "12 items"),
    ),
    "a count": (Figure(None, 1234.0, 1234, None, "count", "rows"), ("–", "1,234", "", "1,234 rows")),
    "a loss": (Figure(2.0, 1.5, 2230, None, "nats", "tokens"), ("2.0000", "1.5000", "", "2,230 tokens")),
    "of one answer": (Figure(None, 0.5, 1, None, "nats", "answers"), ("–", "0.5000", "", "1 answer")),
    "of an earlier version": (Figure(None, None, 0), ("–", "–", "", "0")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_figure_is_shown_in_its_unit(case: str) -> None:
    figure, shown = CASES[case]
    assert cells(figure) == shown


def test_where_nothing_was_measured_a_sentence_stands_for_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_figures({"check": {}, "sft": {}})
    assert capsys.readouterr().out.splitlines() == [
        "No figures: nothing is held out (`validation`), and there are no suites."
    ]
