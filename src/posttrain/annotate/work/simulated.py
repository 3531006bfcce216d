"""A simulated annotator, for demos and tests alone: its rows are marked, and left out of exports unless asked for."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, select

from posttrain.annotate.db.store import Row, locked_project
from posttrain.annotate.db.tables import people
from posttrain.annotate.people.accounts import add_person
from posttrain.annotate.work.judging import Said, judge
from posttrain.annotate.work.queue import assignment_of, next_assignment

NAME = "simulated annotator"


def simulate(
    connection: Connection, project: Row, at: float, score: Callable[[Any, str], float], *, number: int = 1
) -> int:
    """Rank all that is left for one simulated annotator, by a score of (prompt, text): the higher the better.

    Args:
        number: which of several simulated annotators.

    Returns:
        how many items it judged.
    """
    name = f"{NAME} {number}"
    person = connection.execute(select(people).where(people.c.name == name)).one_or_none()
    person = person or add_person(connection, name, "annotator", at, origin="simulated")
    done = 0
    while (taken := next_assignment(connection, locked_project(connection, project.id), person, at)) is not None:
        held = assignment_of(connection, taken.id, person)
        texts = {candidate["id"]: candidate["text"] for candidate in held.item_candidates}
        scores = [score(held.item_prompt, texts[name]) for name in held.shown]
        ranks = [1 + sum(other > one for other in scores) for one in scores]
        judge(connection, locked_project(connection, project.id), person, held, Said(ranks), at, origin="simulated")
        done += 1
    return done
