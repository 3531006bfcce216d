"""The chain of a project's judgments: each holds the hash of the one before, so that tampering shows.

The project keeps the chain's length and last hash, so that a cut end shows as well. Whoever can rewrite the whole
database can rewrite the whole chain: manifests of exports pin its head outside.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import judgments, projects
from posttrain.files import hash_of

FIELDS = ("project_id", "number", "item_id", "person_id", "kind", "revision", "body", "created", "key", "before")
"""What a judgment's hash covers: every column but the row's own id."""


def append(connection: Connection, project: Row, values: Mapping[str, Any]) -> Row:
    """Add a judgment at the end of a project's chain; the caller holds the project's lock.

    Args:
        project: its row, read under the lock.
        values: the columns that the chain does not give itself.
    """
    number = project.judgments + 1
    row = {**values, "project_id": project.id, "number": number, "before": project.head}
    row["hash"] = hash_of({name: row[name] for name in FIELDS})
    connection.execute(update(projects).where(projects.c.id == project.id).values(judgments=number, head=row["hash"]))
    return connection.execute(insert(judgments).values(row).returning(judgments)).one()


def is_whole(judgment: Row) -> bool:
    """Whether a judgment still is what it was when it was made."""
    return hash_of({name: getattr(judgment, name) for name in FIELDS}) == judgment.hash


def broken_links(connection: Connection, project: Row) -> Iterator[str]:
    """What is wrong with a project's chain, a sentence for each judgment; nothing if it is whole."""
    before, number = "", 0
    rows = select(judgments).where(judgments.c.project_id == project.id).order_by(judgments.c.number)
    for row in connection.execute(rows):
        number += 1
        if row.number != number:
            yield f"judgment {number} is missing; the next is {row.number}"
            number = row.number
        elif row.before != before:
            yield f"judgment {number} does not follow the one before it"
        if not is_whole(row):
            yield f"judgment {number} was changed after it was made"
        before = row.hash
    if (number, before) != (project.judgments, project.head):
        yield f"the chain ends at judgment {number}, the project remembers {project.judgments}"
