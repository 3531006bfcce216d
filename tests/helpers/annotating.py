"""A project with people, for tests of annotation."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from posttrain.annotate.db.store import DbRow, locked_project, writing
from posttrain.annotate.people.accounts import add_person
from posttrain.annotate.work.judging import Submission, record_judgment
from posttrain.annotate.work.projects import Item, add_items, new_project
from posttrain.annotate.work.queue import assignment_of, next_assignment
from posttrain.annotate.work.settings import Settings

START = 1_700_000_000.0


@dataclass
class Team:
    """A project, people by name, and a clock that only moves when a test sets it."""

    engine: Engine
    project: int
    people: dict[str, DbRow]
    at: float = START

    def next(self, name: str, kind: str = "ranking") -> DbRow | None:
        with writing(self.engine) as connection:
            project = locked_project(connection, self.project)
            found = next_assignment(connection, project, self.people[name], self.at, kind)
            return None if found is None else assignment_of(connection, found.id, self.people[name])

    def say(self, name: str, assignment: DbRow, submission: Submission, **more: Any) -> DbRow:
        with writing(self.engine) as connection:
            project = locked_project(connection, self.project)
            own = assignment_of(connection, assignment.id, self.people[name])
            return record_judgment(connection, project, self.people[name], own, submission, self.at, **more)

    def rank(self, name: str, order: str, kind: str = "ranking", **more: Any) -> DbRow:
        """Judge the next item; `order` is the candidates' ids from best to worst, `=` between tied ones."""
        assignment = self.next(name, kind)
        assert assignment is not None, f"nothing left for {name}"
        return self.say(name, assignment, in_places(assignment, order), **more)


def in_places(assignment: DbRow, order: str, **more: Any) -> Submission:
    """A submission from an order such as ``a>b=c``, with candidates named by their displayed places."""
    ranks: dict[str, int] = {}
    for rank, level in enumerate(order.split(">"), 1):
        ranks |= dict.fromkeys(level.split("="), rank)
    return Submission([ranks[name] for name in assignment.shown], **more)


def item(name: str, k: int = 2, **more: Any) -> Item:
    candidates = [
        {"id": letter, "text": f"{letter} answers {name}", "model": f"model-{letter}", "params_hash": letter * 64}
        for letter in "abcdefghi"[:k]
    ]
    return Item(name, f"What is {name}?", candidates, **more)


def team(engine: Engine, *new: Item, people: str = "ann bob cem", **settings: Any) -> Team:
    """A project. People are annotators, except for `ada`, an adjudicator, and `owen`, the owner."""
    roles = {"ada": "adjudicator", "owen": "owner", "vera": "viewer"}
    with writing(engine) as connection:
        found = {
            name: add_person(connection, name, roles.get(name, "annotator"), START)
            for name in [*people.split(), "ada", "owen"]
        }
        project = new_project(connection, "Tone", Settings(**settings), START, by=None)
        add_items(connection, project, new)
    return Team(engine, project.id, found)
