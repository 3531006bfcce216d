"""The hash chain of a project's judgments: each holds the hash of the judgment before, so that tampering is detected.

The project keeps the chain's length and last hash, so that a truncated chain is detected as well. A person who can
rewrite the whole database can rewrite the whole chain; the manifests of exports keep its head outside the database.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import judgments, projects
from posttrain.files import hash_of

FIELDS = ("project_id", "number", "item_id", "person_id", "kind", "revision", "body", "created", "key", "before")
"""The columns that a judgment's hash covers: all columns but the row's id."""


def append(connection: Connection, project: DbRow, values: Mapping[str, Any]) -> DbRow:
    """Add a judgment at the end of a project's chain; the caller holds the project's lock.

    Args:
        project: the project's row, read under the lock.
        values: the columns that the chain does not set itself.
    """
    number = project.judgments + 1
    row = {**values, "project_id": project.id, "number": number, "before": project.head}
    row["hash"] = hash_of({name: row[name] for name in FIELDS})
    connection.execute(update(projects).where(projects.c.id == project.id).values(judgments=number, head=row["hash"]))
    return connection.execute(insert(judgments).values(row).returning(judgments)).one()


def is_whole(judgment: DbRow) -> bool:
    """Whether a judgment is unchanged since it was made."""
    return hash_of({name: getattr(judgment, name) for name in FIELDS}) == judgment.hash


def broken_links(connection: Connection, project: DbRow) -> Iterator[str]:
    """The errors of a project's chain, a sentence each; nothing if the chain is intact."""
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
