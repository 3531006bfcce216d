"""Names and passwords, on both databases."""

import unicodedata

import pytest
from sqlalchemy import Engine

from annotate_server import PASSWORD
from annotating import START
from posttrain.annotate.people import add_person, sign_in
from posttrain.annotate.problems import Invalid
from posttrain.annotate.store import reading, writing

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
