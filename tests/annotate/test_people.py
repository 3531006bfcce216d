"""Names and passwords, on both databases."""

import contextlib
import unicodedata
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from annotate_server import PASSWORD
from annotating import START
from posttrain.annotate.db.store import reading, writing
from posttrain.annotate.people.accounts import add_person, sign_in
from posttrain.annotate.people.credentials import new_token
from posttrain.annotate.people.passwords import checked_password
from posttrain.annotate.problems import Invalid, TooMany
from posttrain.annotate.web.app import make_app
from posttrain.annotate.web.guard import Limiter

NAMES = ("ann", "Cem Öztürk", "ÅSA  ÅBERG", "Łukasz Żak", "王芳", "Μαρία Παπά", "Zoë")


@pytest.mark.parametrize("name", NAMES)
def test_a_person_signs_in_with_their_name_in_any_script(engine: Engine, name: str) -> None:
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


def test_names_that_differ_in_case_are_the_same_person(engine: Engine) -> None:
    names = ("Ann", "Cem Öztürk") if engine.dialect.name == "sqlite" else ("Ann",)  # PostgreSQL's locale decides
    for name in names:
        with writing(engine) as connection:
            add_person(connection, name, "annotator", START, password=PASSWORD)
        with reading(engine) as connection:
            assert sign_in(connection, name.upper(), PASSWORD) is not None
        with pytest.raises(Invalid, match="is taken"), writing(engine) as connection:
            add_person(connection, name.lower(), "annotator", START)


@pytest.mark.parametrize("second", ["ann", "ANN", "\u0430nn"])
def test_of_two_people_who_join_at_once_with_similar_names_one_is_refused(engine: Engine, second: str) -> None:
    refused: list[str] = []

    def join(name: str) -> None:
        try:
            with writing(engine) as connection:
                barrier.wait(5) if engine.dialect.name == "postgresql" else None  # SQLite's writers queue up
                add_person(connection, name, "annotator", START)
        except Invalid as problem:
            refused.append(str(problem))

    barrier = Barrier(2)
    threads = [Thread(target=join, args=(name,)) for name in ("ann", second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert refused[0].endswith("is taken, or looks like one that is; choose another")


BLANK = ("\u3164", "\u2800", "ann\u3164", "\u2800 \u2800", "a\ufe0fnn", "\u200b", "\u00ad", "\u034f")
TWINS = {
    "ann": ("\u0430nn", "a\uff4en", "\uff21\uff2e\uff2e", "\U0001d41ann"),
    "Bill": ("BiIl", "Bi1l", "B\u0456ll", "BILL"),
    "\u0441\u043e\u0440\u0430": ("copa", "COPA"),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_name_with_invisible_characters_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(Invalid, match="printable"), writing(engine) as connection:
        add_person(connection, name, "annotator", START)


@pytest.mark.parametrize("name", TWINS)
def test_names_that_look_the_same_are_refused(engine: Engine, name: str) -> None:
    with writing(engine) as connection:
        add_person(connection, name, "annotator", START)
    for twin in TWINS[name]:
        with pytest.raises(Invalid, match="looks like"), writing(engine) as connection:
            add_person(connection, twin, "annotator", START)
    with writing(engine) as connection:
        for other in ("anna", "Bille", "\u0441\u043e\u0440\u0442", "\U0001f642"):
            add_person(connection, other, "annotator", START)


def test_names_in_files_are_ids_and_may_look_alike(engine: Engine) -> None:
    with writing(engine) as connection:
        for name in ("u1", "ul", "uI0", "u10"):
            add_person(connection, name, "annotator", START, origin="import")


WEAK = (" " * 10, "\u00a0" * 12, "a" * 10, "ababababab", "1234567890", "qwertyuiop", "password123", "owenowenowen")
STRONG = (
    "a long enough password",
    "Tr0ub4dor&3 twice",
    "\u043a\u043e\u0440\u043e\u0432\u0430 \u0438 \u0434\u043e\u0436\u0434\u044c",
    "x7$Kq9!vLp2",
)


def test_an_easily_guessed_password_is_refused() -> None:
    for password in WEAK:
        with pytest.raises(Invalid, match="guess"):
            checked_password(password, "Owen")
    for password in STRONG:
        assert checked_password(password, "Owen") == password
    for password in (STRONG[0][:9], STRONG[0] * 20):
        with pytest.raises(Invalid, match="10 to 200"):
            checked_password(password, "Owen")


def test_after_too_many_tries_further_tries_are_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("posttrain.annotate.web.guard.time.monotonic", lambda: clock[0])

    def heard(limiter: Limiter, seconds: int) -> list[int]:
        found: list[int] = []
        for second in range(seconds):
            clock[0] += 1
            with contextlib.suppress(TooMany):
                limiter.count("someone")
                found.append(second)
        return found

    assert heard(Limiter(3, 60, pace=10), 33) == [0, 1, 2, 12, 22, 32]
    assert heard(Limiter(3, 60), 64) == [0, 1, 2, 60, 61, 62]


def test_too_many_requests_of_a_person_are_refused_with_a_waiting_time(engine: Engine) -> None:
    app = make_app(engine)
    app.state.limits["requests"] = Limiter(3, 60)
    with writing(engine) as connection:
        secret = new_token(connection, add_person(connection, "ann", "annotator", START), "script", START)[1]
    with TestClient(app) as http:
        answers = [http.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
