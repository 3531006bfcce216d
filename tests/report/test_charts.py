"""Charts keep the data: every extreme of a line, every end of an interval, every arrow of the graph."""

import itertools
import random
import re
import xml.etree.ElementTree as ElementTree

import pytest

from posttrain.report.charts.dots import DotRow, dot_plot, dumbbell
from posttrain.report.charts.graph import lineage_chart
from posttrain.report.charts.lines import POINTS, WIDTH, Series, line_chart, thin
from posttrain.report.charts.scale import Scale, round_numbers, scale_over
from posttrain.report.charts.svg import element
from posttrain.report.curves import FAMILIES, curves_of
from posttrain.report.lineage import DataNode, Lineage, StageNode
from posttrain.statistics.estimate import Estimate


def test_a_long_line_keeps_its_ends_its_extremes_and_its_order() -> None:
    rng = random.Random(3)
    points = [(float(n), rng.gauss(0, 1)) for n in range(5000)]
    points[1234], points[4321] = (1234.0, 99.0), (4321.0, -99.0)
    kept = thin(points)
    assert len(kept) <= POINTS + 2
    assert {points[0], points[-1], points[1234], points[4321]} <= set(kept) <= set(points)
    assert kept == sorted(kept)
    assert thin(points[:POINTS]) == points[:POINTS]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 17), (0.00012, 0.00047), (5, 5), (0, 0), (-2e6, 9e6)])
def test_round_numbers_cover_the_range_in_equal_steps(low: float, high: float) -> None:
    ticks = round_numbers(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 7
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_a_scale_is_linear_and_never_leaves_the_chart() -> None:
    scale = Scale(0, 10, 100, 0)
    assert [scale(value) for value in (0, 5, 10, -5, 99)] == [100, 50, 0, 100, 0]
    scale, ticks = scale_over([1, 2, 9], 0, 100)
    assert (scale(ticks[0]), scale(ticks[-1])) == (0, 100)


def test_the_points_of_a_line_are_where_their_values_are() -> None:
    svg = str(line_chart("Loss", [Series("training", [(0, 0.0), (5, 5.0), (10, 10.0)])]))
    (points,) = re.findall(r'<polyline points="([^"]+)"', svg)
    places = [tuple(map(float, pair.split(","))) for pair in points.split()]
    assert places[1][0] == pytest.approx((places[0][0] + places[2][0]) / 2, abs=0.1)
    assert places[1][1] == pytest.approx((places[0][1] + places[2][1]) / 2, abs=0.1)
    assert places[0][1] > places[2][1], "higher values are higher on the page"


def test_the_legend_of_many_lines_stays_inside_the_chart() -> None:
    series = [Series(f"a rather long label {n}", [(0, 0.0), (1, 1.0)]) for n in range(4)]
    root = ElementTree.fromstring(str(line_chart("Reward", series)))
    texts = [one for one in root.iter("text") if one.attrib.get("class") == "legend"]
    assert len(texts) == 4
    assert all(float(one.attrib["x"]) + 6.3 * len(one.text or "") <= WIDTH for one in texts)
    assert len({one.attrib["y"] for one in texts}) > 1


def test_dots_and_intervals_are_where_their_values_are() -> None:
    root = ElementTree.fromstring(str(dot_plot("x", [DotRow("a", Estimate(0.5, 9, (0.25, 0.75), "share"), "50%")])))
    ticks = {one.text: float(one.attrib["x"]) for one in root.iter("text") if one.attrib.get("class") == "tick"}
    (dot,) = root.iter("circle")
    assert float(dot.attrib["cx"]) == pytest.approx(ticks["50%"], abs=0.1)
    bar = next(one for one in root.iter("line") if one.attrib["class"] == "range")
    whole = ticks["100%"] - ticks["0%"]
    assert float(bar.attrib["x2"]) - float(bar.attrib["x1"]) == pytest.approx(whole / 2, abs=0.2)


def test_a_change_is_drawn_from_before_to_after() -> None:
    before, after = Estimate(0.2, 9, None, "share"), Estimate(0.8, 9, (0.7, 0.9), "share")
    root = ElementTree.fromstring(str(dumbbell("x", before, after, "better")))
    ring, dot = root.iter("circle")
    assert (ring.attrib["class"], dot.attrib["class"]) == ("before", "after better")
    assert float(ring.attrib["cx"]) < float(dot.attrib["cx"])


def test_text_in_a_chart_is_escaped() -> None:
    svg = str(line_chart("<b>", [Series("<script>&\"'", [(0, 0.0), (1, 1.0)])]))
    assert "<script>" not in svg
    assert "<b>" not in svg
    ElementTree.fromstring(svg)
    assert str(element("a", "<", title='"><x')) == '<a title="&#34;&gt;&lt;x">&lt;</a>'


def test_the_graph_has_an_arrow_from_each_source_and_a_box_for_each_model() -> None:
    files = tuple(DataNode(f"folder/file{n}.jsonl", f"{n:08}", "trains") for n in range(9))
    first = StageNode("sft", "sft", "done", files[:2], "aaaaaaaa", ("",))
    ranked = StageNode("reward", "reward", "done", files, "bbbbbbbb", ("sft",))
    last = StageNode("ppo", "ppo", "unfinished", (), None, ("sft", "reward"))
    root = ElementTree.fromstring(str(lineage_chart(Lineage("base", "12345678", (first, ranked, last)))))
    texts = [one.text for one in root.iter("text")]
    for text in ("base", "start model 12345678", "model of sft", "aaaaaaaa", "bbbbbbbb", "ppo, unfinished"):
        assert text in texts
    assert "file0.jsonl" in texts
    assert "6 more files" in texts
    assert "model of ppo" not in texts
    ways = [one for one in root.iter("path") if "H" in one.attrib["d"] and "V" in one.attrib["d"]]
    assert len(ways) == 4
    assert "ppo (ppo) uses sft and reward" in root.attrib["aria-label"]


def test_every_curve_has_a_reading_aid_and_shows_the_metrics_of_its_kind() -> None:
    rows = [
        {
            "step": n,
            "loss": 1 / n,
            "reward": n,
            "rewards/facts/mean": n,
            "objective/kl": n,
            "kl": 0,
            "entropy": 1,
            "split": "train",
        }
        for n in range(1, 9)
    ]
    rows += [{"step": n, "eval_loss": 1 / n, "eval_reward": n, "eval_gold/rule": 1, "split": "eval"} for n in (4, 8)]
    titles = [curve.title for curve in curves_of(rows)]
    for title in ("Loss", "Reward", "Reward by component", "Distance from the start model (KL)"):
        assert titles.count(title) == 1
    assert all(curve.aid.startswith("From ") and curve.aid.endswith(".") for curve in curves_of(rows))
    kl = next(curve for curve in curves_of(rows) if "KL" in curve.title)
    assert "training from 1 to 8" in str(kl.chart), "the KL of a whole completion, not of a token"
    assert all(family.aid for family in FAMILIES)
    assert curves_of([]) == []
    assert curves_of([{"step": 1, "loss": None, "split": "train"}] * 3) == []
