"""A simulated annotator for demos and tests; its rows are marked, and exports leave them out by default."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, select

from posttrain.annotate.db.store import DbRow, locked_project
from posttrain.annotate.db.tables import people
from posttrain.annotate.people.accounts import add_person
from posttrain.annotate.work.judging import Submission, record_judgment
from posttrain.annotate.work.queue import assignment_of, next_assignment

NAME = "simulated annotator"


def simulate(
    connection: Connection, project: DbRow, at: float, score: Callable[[Any, str], float], *, number: int = 1
) -> int:
    """Rank all remaining items as one simulated annotator.

    Args:
        score: (prompt, text) → score; a higher score is better.
        number: the number of this simulated annotator.

    Returns:
        the number of items that it judged.
    """
    name = f"{NAME} {number}"
    person = connection.execute(select(people).where(people.c.name == name)).one_or_none()
    person = person or add_person(connection, name, "annotator", at, origin="simulated")
    done = 0
    while (taken := next_assignment(connection, locked_project(connection, project.id), person, at)) is not None:
        held = assignment_of(connection, taken.id, person)
        texts = {candidate["id"]: candidate["text"] for candidate in held.item_candidates}
        scores = [score(held.item_prompt, texts[name]) for name in held.shown]
        ranks = [1 + sum(other > own for other in scores) for own in scores]
        locked = locked_project(connection, project.id)
        record_judgment(connection, locked, person, held, Submission(ranks), at, origin="simulated")
        done += 1
    return done
