"""Projects, their guidelines and their items."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import guidelines, items, projects
from posttrain.annotate.people.accounts import log_action
from posttrain.annotate.problems import Invalid, Missing
from posttrain.annotate.work.settings import Settings
from posttrain.errors import InputError
from posttrain.statistics.rank_distance import Ranks

FIRST_GUIDELINE = (
    "Read the prompt and every candidate to the end. Put the candidate that you would rather send to the user before "
    "the others. Correct comes before complete, complete before well written; length is no merit. "
    "Candidates that are equally good share a place."
)


@dataclass(frozen=True, slots=True)
class Item:
    """A prompt with candidates, to be judged.

    Args:
        name: the row's id, unique in its project.
        prompt: a text, or messages.
        candidates: ``{id, text, model, params_hash}`` each; the last two are optional.
        about: the row's other columns.
        slice: the part of the data that the item belongs to; figures are also given by slice.
        gold: the right ranks, if it is a hidden gold item.
        priority: items with a higher priority come first.
    """

    name: str
    prompt: Any
    candidates: Sequence[Mapping[str, Any]]
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
    slice: str | None = None
    gold: Ranks | None = None
    priority: int = 0


def new_project(
    connection: Connection, name: str, settings: Settings, at: float, *, by: int | None, guideline: str | None = None
) -> DbRow:
    """Make a project with its first guideline."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise Invalid("a project's name has 1 to 80 printable characters")
    if connection.execute(select(projects.c.id).where(projects.c.name == name)).first():
        raise Invalid(f"there is a project {name} already")
    values = {"name": name, "settings": settings.model_dump(mode="json"), "created": at}
    project = connection.execute(insert(projects).values(values).returning(projects)).one()
    new_guideline(connection, project.id, guideline or FIRST_GUIDELINE, at, by=by)
    log_action(connection, at, by, "project made", project=project.id)
    return project


def project_named(connection: Connection, name: str) -> DbRow | None:
    """The project with this name; None if there is none."""
    return connection.execute(select(projects).where(projects.c.name == name)).one_or_none()


def settings_of(project: DbRow) -> Settings:
    """The project's settings."""
    return Settings.model_validate(project.settings)


def change_settings(connection: Connection, project: DbRow, settings: Settings, at: float, *, by: int) -> None:
    """Change a project's settings. A new overlap applies only to items that nobody has judged yet."""
    values = settings.model_dump(mode="json")
    connection.execute(update(projects).where(projects.c.id == project.id).values(settings=values))
    fresh = (items.c.project_id == project.id, items.c.judged == 0)
    connection.execute(update(items).where(*fresh).values(wanted=settings.overlap))
    log_action(connection, at, by, "settings changed", project=project.id, settings=values)


def new_guideline(connection: Connection, project: int, text: str, at: float, *, by: int | None) -> int:
    """Add a version of a project's guideline; judgments name the version under which they were made."""
    if not text.strip() or "\0" in text:
        raise Invalid("a guideline must not be empty")
    latest = select(func.max(guidelines.c.version)).where(guidelines.c.project_id == project)
    version = (connection.execute(latest).scalar_one() or 0) + 1
    values = {"project_id": project, "version": version, "text": text, "created": at, "person_id": by}
    connection.execute(insert(guidelines).values(values))
    return version


def read_guideline(path: Path) -> str:
    """A guideline from a text file.

    Raises:
        InputError: it cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"guideline {path}: cannot be read as a text file ({error})") from error


def guideline_of(connection: Connection, project: int, version: int | None = None) -> DbRow:
    """A version of a project's guideline; None means the newest."""
    query = select(guidelines).where(guidelines.c.project_id == project).order_by(guidelines.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(guidelines.c.version == version)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise Missing("there is no such guideline")
    return row


def add_items(connection: Connection, project: DbRow, new: Iterable[Item]) -> dict[str, int]:
    """Add items to a project; an item whose name exists already is skipped.

    Returns:
        name → id of the new items.
    """
    known = set(connection.execute(select(items.c.name).where(items.c.project_id == project.id)).scalars())
    overlap = settings_of(project).overlap
    added: dict[str, int] = {}
    for item in new:
        if item.name in known or item.name in added:
            continue
        values = {
            "project_id": project.id,
            "name": item.name,
            "prompt": item.prompt,
            "candidates": [dict(candidate) for candidate in item.candidates],
            "about": dict(item.about),
            "slice": item.slice,
            "gold": None if item.gold is None else dict(item.gold),
            "turn": -item.priority,
            "wanted": overlap,
            "judged": 0,
            "state": "open",
        }
        added[item.name] = connection.execute(insert(items).values(values).returning(items.c.id)).scalar_one()
    return added


def reopen_item(connection: Connection, project: int, number: int, at: float, *, by: int, open_again: bool) -> None:
    """Decide about a flagged item: put it back into the queue, or leave it out.

    Raises:
        Missing: the project has no such flagged item.
    """
    where = (items.c.id == number, items.c.project_id == project, items.c.state == "flagged")
    state = "open" if open_again else "done"
    if connection.execute(update(items).where(*where).values(state=state)).rowcount != 1:
        raise Missing("there is no such flagged item")
    log_action(connection, at, by, "flag settled", item=number, state=state)
