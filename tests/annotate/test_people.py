"""Names and passwords, on both databases."""

import unicodedata
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from annotate_server import PASSWORD
from annotating import START
from posttrain.annotate.access import new_token
from posttrain.annotate.people import add_person, sign_in
from posttrain.annotate.problems import Invalid
from posttrain.annotate.store import reading, writing
from posttrain.annotate.web.app import make_app
from posttrain.annotate.web.guard import Limiter

NAMES = ("ann", "Cem Öztürk", "ÅSA  ÅBERG", "Łukasz Żak", "王芳", "Μαρία Παπά", "Zoë")


@pytest.mark.parametrize("name", NAMES)
def test_a_person_signs_in_by_the_name_that_was_given_in_any_script(engine: Engine, name: str) -> None:
    with writing(engine) as connection:
        person = add_person(connection, name, "annotator", START, password=PASSWORD)
    with reading(engine) as connection:
        for typed in (name, f" {name} ", unicodedata.normalize("NFD", name)):
            found = sign_in(connection, typed, PASSWORD)
            assert found is not None, typed
            assert found.id == person.id
        assert sign_in(connection, name, "another password") is None
    with pytest.raises(Invalid, match="is taken"), writing(engine) as connection:
        add_person(connection, name, "annotator", START, password=PASSWORD)


def test_capitals_make_no_other_person(engine: Engine) -> None:
    names = ("Ann", "Cem Öztürk") if engine.dialect.name == "sqlite" else ("Ann",)  # PostgreSQL's locale decides
    for name in names:
        with writing(engine) as connection:
            add_person(connection, name, "annotator", START, password=PASSWORD)
        with reading(engine) as connection:
            assert sign_in(connection, name.upper(), PASSWORD) is not None
        with pytest.raises(Invalid, match="is taken"), writing(engine) as connection:
            add_person(connection, name.lower(), "annotator", START)


def test_of_two_who_join_at_once_under_one_name_one_does(engine: Engine) -> None:
    refused: list[Invalid] = []

    def join() -> None:
        try:
            with writing(engine) as connection:
                barrier.wait(5) if engine.dialect.name == "postgresql" else None  # SQLite's writers queue up
                add_person(connection, "ann", "annotator", START)
        except Invalid as problem:
            refused.append(problem)

    barrier = Barrier(2)
    threads = [Thread(target=join) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(problem) for problem in refused] == ["the name ann is taken; choose another"]


def test_whoever_asks_too_often_is_told_to_wait(engine: Engine) -> None:
    app = make_app(engine)
    app.state.limits["requests"] = Limiter(3, 60)
    with writing(engine) as connection:
        secret = new_token(connection, add_person(connection, "ann", "annotator", START), "script", START)[1]
    with TestClient(app) as http:
        answers = [http.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
