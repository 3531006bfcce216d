"""`posttrain demo --annotate`: the user ranks draft replies, and the reward model also learns from these rankings."""

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from random import Random

from posttrain.console import Screen
from posttrain.demo.drafts import draw_replies, draw_report
from posttrain.demo.stage_rows import Row, draft_row
from posttrain.demo.world import LABELS
from posttrain.files import write_whole
from posttrain.pipeline.run import run_recipe
from posttrain.recipe.load import load_recipe

COUNT = 10
"""Number of reports whose drafts the user ranks."""

RANKED = "ranking/run/stages/rank/export/train.jsonl"
"""The file of the user's rankings in the demo's folder."""

GUIDELINE = """\
You work for Orrinvale, a company that makes medicines. Each report describes a side effect. Rank the drafts of a reply.

A good reply thanks the sender, states the usual dose of the label, requests a report to Drug Safety, promises nothing,
and leaves the treatment to the doctor. Each fault costs one rank. Politeness and length do not count.

The usual doses:
{doses}
"""


def rank_drafts(folder: Path, seed: int, screen: Screen, stop: Callable[[], bool]) -> None:
    """Serve the ranking app until the user has ranked all drafts. Drafts ranked in an earlier run are not shown again.

    Args:
        folder: the demo's folder; the files are in its ``ranking/``, and the rankings in `RANKED`.
    """
    place = folder / "ranking"
    place.mkdir(exist_ok=True)
    write_whole(place / "to_rank.jsonl", "".join(json.dumps(row) + "\n" for row in rows_to_rank(seed)))
    doses = "\n".join(f"- {label.product}: {label.dose}" for label in LABELS)
    write_whole(place / "guideline.txt", GUIDELINE.format(doses=doses))
    write_whole(place / "rank.yaml", files("posttrain.demo").joinpath("rank.yaml").read_text(encoding="utf-8"))
    recipe = load_recipe(place / "rank.yaml")
    run_recipe(recipe, base=place, out=place / "run", screen=screen, stop=stop, wait=True)


def rows_to_rank(seed: int) -> Iterator[Row]:
    """Reports with drafts for the user to rank, drawn independently of all other rows."""
    rng = Random(f"{seed} drafts_to_rank")
    for number in range(COUNT):
        report = draw_report(rng, "train")
        yield draft_row(f"drafts-person-{number}", report, draw_replies(rng, report, 3))
