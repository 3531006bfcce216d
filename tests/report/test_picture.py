"""A picture of curves holds all charts of a run and needs no other file; an error is one sentence."""

import itertools
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from command_line import Posttrain
from posttrain.errors import InputError
from posttrain.report.picture import write_picture
from run_folders import put_run

SVG = "{http://www.w3.org/2000/svg}"


def put_metrics(stage: Path, **ends: float) -> None:
    """Eight steps of each metric, from the value to 0."""
    names = {name.replace("__", "/"): value for name, value in ends.items()}
    rows = [{"step": n, "split": "train", **{k: v * (8 - n) for k, v in names.items()}} for n in range(1, 9)]
    (stage / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = put_run(
        tmp_path / "first", {"sft": {}, "people": {"kind": "rank"}, "align": {"kind": "grpo", "model": "sft"}}
    )
    (folder / "stages/people/metrics.jsonl").unlink()
    put_metrics(folder / "stages/sft", loss=3.0, eval_loss=3.5)
    put_metrics(folder / "stages/align", reward=0.1, rewards__facts__mean=0.1, kl=0.2, completions__mean_length=9.0)
    return folder


def texts(path: Path) -> list[str]:
    return [one.text or "" for one in ElementTree.parse(path).iter(f"{SVG}text")]


def test_a_runs_picture_has_the_charts_of_each_stage_that_has_curves(run: Path, posttrain: Posttrain) -> None:
    done = posttrain("plot", str(run))
    assert done.code == 0, done.err
    path = run / "curves.svg"
    assert done.out.strip() == str(path)
    words = texts(path)
    for title in ("sft", "align (grpo)", "Loss", "Reward", "Reward by component", "Length of answers in tokens"):
        assert words.count(title) == 1, title
    assert "people (rank)" not in words


def test_the_picture_needs_no_other_file_and_no_program_that_knows_variables(run: Path) -> None:
    text = write_picture([run]).read_text()
    assert text.count("http") == 1, "only the name of the format"
    for foreign in ("var(", "<script", "url(", "@import", "prefers-color-scheme"):
        assert foreign not in text


def test_charts_lie_beside_each_other_inside_the_picture(run: Path) -> None:
    root = ElementTree.parse(write_picture([run])).getroot()
    places = [one for one in root.iter(f"{SVG}svg") if "x" in one.attrib]
    boxes = [tuple(float(one.attrib[key]) for key in ("x", "y", "width", "height")) for one in places]
    assert len(boxes) == 5
    for x, y, width, height in boxes:
        assert 0 < x < x + width < float(root.attrib["width"])
        assert 0 < y < y + height < float(root.attrib["height"])
    for (x, y, width, height), (other_x, other_y, *_) in itertools.combinations(boxes, 2):
        assert abs(x - other_x) >= width or abs(y - other_y) >= height


def test_several_runs_share_their_charts_with_a_line_each(run: Path, tmp_path: Path) -> None:
    other = put_run(tmp_path / "second", {"sft": {}})
    put_metrics(other / "stages/sft", loss=2.0)
    path = write_picture([run, other], file=tmp_path / "both.svg")
    charts = {
        one.attrib["aria-label"]: [text.text for text in one.iter(f"{SVG}text") if text.attrib["class"] == "legend"]
        for one in ElementTree.parse(path).iter(f"{SVG}svg")
        if "aria-label" in one.attrib
    }
    assert charts["Loss: training: first from 21 to 0; second from 14 to 0"] == ["first", "second"]
    assert charts["Loss: held out: first from 24.5 to 0"] == ["first"]


def test_a_run_at_work_is_drawn_as_far_as_it_is(run: Path) -> None:
    (run / "stages/align/stage.json").unlink()
    with (run / "stages/align/metrics.jsonl").open("a") as file:
        file.write('{"step": 9, "rew')
    assert "align (grpo), not finished" in texts(write_picture([run]))


def test_one_stage_is_drawn_alone(run: Path) -> None:
    words = texts(write_picture([run], stage="align", file=run / "align.svg"))
    assert "align (grpo)" in words
    assert "sft" not in words


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("first", "--stage", "dpo"), "there is no such stage; the stages are sft, people, align"),
        (("first", "--stage", "people"), "there is nothing to draw yet"),
        (("first", "first"), "--out: name the file"),
        (("first", "--out", "x.png"), "end its name with .svg or .html"),
        (("first",) * 5, "at most 4 runs"),
        (("other",), "not a run's folder"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    run: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(run.parent)
    (run.parent / "other").mkdir()
    done = posttrain("plot", *words)
    assert done.code == 2
    assert says in done.err
    assert not list(run.parent.rglob("*.svg"))


def test_a_broken_log_is_named(run: Path) -> None:
    (run / "stages/sft/metrics.jsonl").write_text('{"loss": 1.0}\n{"loss": 2.0}\n')
    with pytest.raises(InputError, match=r"sft/metrics\.jsonl.*step"):
        write_picture([run])


def test_the_page_shows_the_picture_in_any_window(run: Path, browser: Browser) -> None:
    path = write_picture([run], file=run / "curves.html")
    page = browser.new_page(viewport={"width": 360, "height": 700})
    page.goto(path.as_uri())
    assert page.title() == "first"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    chart = page.locator("svg svg svg").first.bounding_box()
    assert chart is not None
    assert 0 < chart["width"] < 360
    page.close()
