"""A load test: many annotators at once over HTTP, while the server is killed and restarted."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2
from sqlalchemy import func, select

from annotate_server import Client, Server, lines_of, owner_of
from posttrain.annotate.db.hash_chain import broken_links
from posttrain.annotate.db.store import open_store, reading
from posttrain.annotate.db.tables import items, judgments, projects


@dataclass
class Load:
    """The clients' results: seconds of each answered request, and the hash of each accepted judgment."""

    seconds: list[float] = field(default_factory=list[float])
    accepted: list[str] = field(default_factory=list[str])
    retried: int = 0
    wall: float = 0.0
    kills: int = 0

    @property
    def p95(self) -> float:
        return sorted(self.seconds)[int(0.95 * len(self.seconds))]


def run_load(
    server: Server, people: int, each: int, *, overlap: int = 2, kills: int = 0, beside: Server | None = None
) -> Load:
    """`people` annotators make `each` judgments; the server dies `kills` times on the way.

    Args:
        beside: another server on the same database, where every other annotator works.
    """
    owner = owner_of(server)
    project = owner.post("/projects", {"name": "Load", "settings": {"overlap": overlap, "adjudicate": False}}).json()[
        "id"
    ]
    candidates = [{"id": x, "text": f"{x} " * 40} for x in "abcd"]
    count = people * each // overlap + people * 2
    rows = [{"id": f"row {n}", "prompt": f"Question {n}?", "candidates": candidates} for n in range(count)]
    assert owner.http.post(f"/api/v1/projects/{project}/imports", content=lines_of(rows)).status_code == 201
    places = (server, beside or server)
    clients = [owner.invite(places[n % 2], f"person {n}") for n in range(people)]
    load, lock = Load(), threading.Lock()

    def ask(client: Client, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        while True:
            began = time.perf_counter()
            try:
                answer = client.post(path, body, headers=headers)
            except httpx2.TransportError:
                with lock:
                    load.retried += 1
                time.sleep(0.2)
                continue
            with lock:
                load.seconds.append(time.perf_counter() - began)
            assert answer.status_code < 500, answer.text
            return answer

    def work(client: Client, number: int) -> None:
        rng = random.Random(number)
        done = 0
        while done < each:
            held = ask(client, f"/projects/{project}/assignments")
            if held.status_code == 204:
                break
            ranks = [rng.randint(1, 4) for _ in range(4)]
            path = f"/assignments/{held.json()['id']}/judgments"
            answer = ask(client, path, {"ranks": ranks}, key=f"{number}-{done}-{rng.random()}")
            assert answer.status_code == 201, answer.text
            done += 1
            with lock:
                load.accepted.append(answer.json()["hash"])

    threads = [threading.Thread(target=work, args=(client, n)) for n, client in enumerate(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    rng = random.Random(0)
    total = people * each
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.05)
        if load.kills < kills and len(load.accepted) > total * (load.kills + rng.random()) / (kills + 1):
            server.kill()
            server.start()
            load.kills += 1
    load.wall = time.perf_counter() - began
    return load


def database_errors(where: str, load: Load, overlap: int) -> list[str]:
    """The errors in the database after the load; empty if there is none."""
    engine = open_store(where)
    found: list[str] = []
    with reading(engine) as connection:
        project = connection.execute(select(projects)).one()
        found += broken_links(connection, project)
        kept = Counter(connection.execute(select(judgments.c.hash)).scalars())
        found += [f"lost: {hash}" for hash in set(load.accepted) - set(kept)]
        if len(kept) != len(load.accepted) or len(set(load.accepted)) != len(load.accepted):
            found.append(f"{len(kept)} judgments kept, {len(load.accepted)} accepted")
        each = select(judgments.c.item_id, func.count()).group_by(judgments.c.item_id)
        found += [f"item {item}: {n} judgments" for item, n in connection.execute(each) if n > overlap]
        twice = select(judgments.c.item_id, judgments.c.person_id).group_by(judgments.c.item_id, judgments.c.person_id)
        found += [f"twice by one person: {row}" for row in connection.execute(twice.having(func.count() > 1))]
        sums = connection.execute(select(func.sum(items.c.judged))).scalar_one()
        if sums != len(kept):
            found.append(f"items count {sums} judgments, there are {len(kept)}")
    engine.dispose()
    return found
