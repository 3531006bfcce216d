"""Ranking: people rank candidates in the ranking app. The stage waits for them, and then writes training data."""

import shutil
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from posttrain.annotate.db.store import now, reading, using, writing
from posttrain.annotate.db.tables import items
from posttrain.annotate.exchange.add_imports import add_imports
from posttrain.annotate.exchange.export import write_export
from posttrain.annotate.exchange.export_options import ExportOptions
from posttrain.annotate.exchange.imports import read_imports
from posttrain.annotate.insight.judgments import read_judgments
from posttrain.annotate.insight.project_agreement import measure_agreement
from posttrain.annotate.serve import serving
from posttrain.annotate.work.projects import new_project, project_named, read_guideline
from posttrain.annotate.work.simulated import simulate
from posttrain.data.summary import DataSummary
from posttrain.errors import Stopped, Waiting
from posttrain.recipe.stages.rank import RankStage
from posttrain.stages.context import Context, Figure
from posttrain.stages.runner import Preview, Runner

POLL_SECONDS = 2.0


def _preview(stage: RankStage, context: Context) -> Preview:
    """The number of items to rank."""
    count = sum(1 for path in stage.paths for _ in read_imports(path, base=context.base))
    context.screen.note(f"{count:,} items to rank, by {stage.settings.overlap} people each")
    return Preview(DataSummary.of_rows(count), 0, {}, ())


def run_ranking(stage: RankStage, context: Context) -> dict[str, Figure]:
    """Add the candidates to the app, wait for the judgments, and export them as training data.

    Raises:
        Waiting: judgments are missing, and the run does not wait for them.
        Stopped: the user stopped the run while it waited.
    """
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


def _prepare(stage: RankStage, context: Context, engine: Engine) -> None:
    candidates = [row for path in stage.paths for row in read_imports(path, base=context.base)]
    with writing(engine) as connection:
        project = project_named(connection, stage.project)
        if project is None:
            text = None if stage.guideline is None else read_guideline(context.base / stage.guideline)
            project = new_project(connection, stage.project, stage.settings, now(), by=None, guideline=text)
        add_imports(connection, project.id, iter(candidates), now(), by=None)
    for number in range(1, stage.simulated + 1):
        with writing(engine) as connection:
            simulate(connection, project, now(), lambda prompt, text: len(text), number=number)


def _wait(stage: RankStage, context: Context, engine: Engine, where: str) -> None:
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
                    raise Stopped(f"stopped while {missing:,} judgments were missing; all judgments are kept")
                advance(total - missing, "judgments")
                time.sleep(POLL_SECONDS)
                missing, total = _missing(stage, engine)


def _missing(stage: RankStage, engine: Engine) -> tuple[int, int]:
    """(number of missing judgments, including adjudications; number of all judgments)."""
    with reading(engine) as connection:
        project: Any = project_named(connection, stage.project)
        query = select(items).where(items.c.project_id == project.id, items.c.gold.is_(None))
        rows = connection.execute(query).all()
    missing = sum({"open": row.wanted - row.judged, "disputed": 1}.get(row.state, 0) for row in rows)
    return missing, missing + sum(row.judged for row in rows)


def _export(stage: RankStage, out: Path, connection: Any, project: Any) -> dict[str, Any]:
    shutil.rmtree(out, ignore_errors=True)  # an interrupted run may have left a partial export
    options = ExportOptions(
        what=stage.what,
        pairs=stage.pairs,
        aggregate=stage.aggregate,
        least=stage.least,
        simulated=stage.simulated > 0,
    )
    return write_export(connection, project, options, out)


RUNNER = Runner(run_ranking, _preview)
