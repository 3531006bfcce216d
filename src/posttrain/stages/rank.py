"""Ranking: people order candidates in the ranking app. The stage waits for them, and leaves training data."""

import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from posttrain.annotate.work.settings import Settings
from posttrain.data.options import Sources
from posttrain.errors import Stopped, Waiting
from posttrain.options import Options
from posttrain.rewards.types import RewardOptions
from posttrain.stages.context import Context, Figure
from posttrain.stages.technique import Other, Preview

if TYPE_CHECKING:
    from sqlalchemy import Engine

FILE = "export/train.jsonl"
"""What the stage leaves, and its manifest beside it."""

POLL_SECONDS = 2.0


class RankStage(Options):
    """People rank candidates. It trains nothing, and needs no model."""

    kind: Literal["rank"]
    data: Sources = Field(description="candidates: a stage of that kind, or files of rows to rank")
    db: str = Field(default="annotate.db", description="a file beside the recipe (SQLite), or postgresql://...")
    project: str = Field(default="ranking", min_length=1, max_length=80, description="the project's name in the app")
    settings: Settings = Field(default=Settings(), description="what the project asks of its people, if it is new")
    guideline: str | None = Field(
        default=None, description="a text file beside the recipe: what a new project tells its people"
    )
    what: Literal["rankings", "pairs"] = Field(default="pairs", description="every person's ranking, or pairs of all")
    pairs: Literal["all", "adjacent", "best-worst", "best-vs-rest"] = Field(
        default="all", description="which pairs of a ranking"
    )
    aggregate: Literal["majority", "plackett-luce"] = Field(
        default="majority", description="how several people's rankings become one"
    )
    least: float = Field(default=0.0, ge=0, le=1, description="share of people that a pair needs")
    serve: bool = Field(
        default=False, description="start the app, on this machine alone, while the run waits for people (--wait)"
    )
    simulated: int = Field(
        default=0, ge=0, le=50, description="demos and tests: simulated annotators who rank by length, marked as such"
    )

    @property
    def model(self) -> str | None:
        """None: it starts from no model."""
        return None

    @property
    def starts_from(self) -> tuple[str, ...]:
        """No models."""
        return ()

    @property
    def others(self) -> tuple[Other, ...]:
        """No models."""
        return ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names."""
        return tuple(source.path for source in self.data)

    @property
    def files(self) -> Mapping[str, str]:
        """The guideline, if it brings one."""
        return {} if self.guideline is None else {"guideline": self.guideline}

    @property
    def reward_specs(self) -> Mapping[str, RewardOptions]:
        """None: people score."""
        return {}


def preview(stage: RankStage, context: Context) -> Preview:
    """What a run would do: how many items there are to rank."""
    from posttrain.annotate.exchange.imports import read_imports

    count = sum(1 for path in stage.paths for _ in read_imports(path, base=context.base))
    context.screen.note(f"{count:,} items to rank, by {stage.settings.overlap} people each")
    return Preview({"parts": {"train": {"groups": count, "tokens": 0}}}, 0, {}, ())


def rank(stage: RankStage, context: Context) -> dict[str, Figure]:
    """Put the candidates into the app; go on once people have ranked them all.

    Raises:
        Waiting: judgments are missing, and the run does not wait for them.
        Stopped: the user stopped the run while it waited.
    """
    from posttrain.annotate.db.store import reading, using
    from posttrain.annotate.insight.judgments import read_judgments
    from posttrain.annotate.insight.project_agreement import measure_agreement
    from posttrain.annotate.work.projects import project_named

    where = stage.db if "://" in stage.db else str((context.base / stage.db).resolve())
    with using(where) as engine:
        _prepare(stage, context, engine)
        _wait(stage, context, engine, where)
        with reading(engine) as connection:
            project = project_named(connection, stage.project)
            manifest = _export(stage, context.folder / "export", connection, project)
            alpha = measure_agreement(read_judgments(connection, project))["krippendorff_alpha_nominal"]
    for why, count in manifest["left_out"].items():
        context.screen.note(f"left out, {why}: {count:,} items")
    rows = manifest["rows"]["train"]
    return {
        "rank/rows": Figure(None, float(rows), rows, unit="count", of="rows"),
        "rank/krippendorff_alpha": Figure(None, alpha.value, alpha.n, alpha.interval, of=alpha.counted),
    }


def _prepare(stage: RankStage, context: Context, engine: "Engine") -> None:
    from posttrain.annotate.db.store import now, writing
    from posttrain.annotate.exchange.add_imports import add_imports
    from posttrain.annotate.exchange.imports import read_imports
    from posttrain.annotate.work.projects import new_project, project_named, read_guideline
    from posttrain.annotate.work.simulated import simulate

    found = [one for path in stage.paths for one in read_imports(path, base=context.base)]
    with writing(engine) as connection:
        project = project_named(connection, stage.project)
        if project is None:
            text = None if stage.guideline is None else read_guideline(context.base / stage.guideline)
            project = new_project(connection, stage.project, stage.settings, now(), by=None, guideline=text)
        add_imports(connection, project.id, iter(found), now(), by=None)
    for number in range(1, stage.simulated + 1):
        with writing(engine) as connection:
            simulate(connection, project, now(), lambda prompt, text: len(text), number=number)


def _wait(stage: RankStage, context: Context, engine: "Engine", where: str) -> None:
    from posttrain.annotate.serve import serving

    missing, total = _missing(stage, engine)
    if not missing:
        return
    command = f"posttrain annotate serve --db {where}"
    if not context.wait:
        raise Waiting(f"waiting for people: {missing:,} of {total:,} judgments are missing. To rank: {command}")
    with serving(where) if stage.serve else nullcontext(command) as place:
        print(f"waiting for people: {missing:,} judgments are missing. To rank: {place}", file=sys.stderr, flush=True)
        with context.screen.bar("judgments", total) as advance:
            while missing:
                if context.stop():
                    raise Stopped(f"stopped while {missing:,} judgments were missing; what people said is kept")
                advance(total - missing, "judgments")
                time.sleep(POLL_SECONDS)
                missing, total = _missing(stage, engine)


def _missing(stage: RankStage, engine: "Engine") -> tuple[int, int]:
    """(judgments that are missing, adjudications included; all that are wanted)."""
    from sqlalchemy import select

    from posttrain.annotate.db.store import reading
    from posttrain.annotate.db.tables import items
    from posttrain.annotate.work.projects import project_named

    with reading(engine) as connection:
        project: Any = project_named(connection, stage.project)
        query = select(items).where(items.c.project_id == project.id, items.c.gold.is_(None))
        rows = connection.execute(query).all()
    missing = sum({"open": row.wanted - row.judged, "disputed": 1}.get(row.state, 0) for row in rows)
    return missing, missing + sum(row.judged for row in rows)


def _export(stage: RankStage, out: Path, connection: Any, project: Any) -> dict[str, Any]:
    from posttrain.annotate.exchange.export import write_export
    from posttrain.annotate.exchange.export_options import ExportOptions

    shutil.rmtree(out, ignore_errors=True)  # of a run that died before the stage was done
    options = ExportOptions(
        what=stage.what,
        pairs=stage.pairs,
        aggregate=stage.aggregate,
        least=stage.least,
        simulated=stage.simulated > 0,
    )
    return write_export(connection, project, options, out)
