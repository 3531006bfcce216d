"""The expected score of the best of n candidates, from the stages of kind ``pick``."""

from posttrain.report.charts.lines import Series, line_chart
from posttrain.report.curves import Curve
from posttrain.report.record import StageRecord
from posttrain.report.run_files import expected, json_object

TITLE = "Score of the best of n answers"


def picked_curves(stage: StageRecord) -> list[Curve]:
    """The chart of a stage that picked among candidates; empty for other stages, and for one candidate per prompt.

    Raises:
        InputError: the file of the curve is broken.
    """
    path = stage.folder / "best_of_n.json"
    found = json_object(path) if stage.kind == "pick" else None
    if found is None:
        return []
    with expected(path):
        points = [(float(point["n"]), float(point["score"])) for point in found["curve"]]
        if len(points) < 2:
            return []
        aid = (
            f"The mean score is {points[0][1]:.3g} for one answer and {points[-1][1]:.3g} for the best of "
            f"{points[-1][0]:.0f}, over {int(found['prompts']):,} prompts. If the line is flat at its end, more "
            "answers per prompt give little."
        )
        return [Curve(TITLE, line_chart(TITLE, [Series("mean score", points)], axis="n ="), aid)]
