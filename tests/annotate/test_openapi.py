"""Requests that fit, or nearly fit, the OpenAPI description never get a server error."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from sqlalchemy import create_engine

from annotating import item
from posttrain.annotate.db.store import now, open_store, writing
from posttrain.annotate.people.accounts import add_person
from posttrain.annotate.people.credentials import new_token
from posttrain.annotate.web.app import make_app
from posttrain.annotate.web.guard import Limiter
from posttrain.annotate.work.projects import add_items, new_project
from posttrain.annotate.work.settings import Settings

APP = make_app(create_engine("sqlite://"))  # the fixture gives it a real database
SCHEMA = schemathesis.openapi.from_asgi("/api/v1/openapi.json", APP)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    engine = open_store(tmp_path_factory.mktemp("api") / "annotate.db")
    with writing(engine) as connection:
        owner = add_person(connection, "owen", "owner", now(), password="a long password")
        project = new_project(connection, "Tone", Settings(), now(), by=owner.id)
        add_items(connection, project, [item(f"row {n}", k=3) for n in range(50)])
        secret = new_token(connection, owner, "tests", now())[1]
    APP.state.engine = engine
    APP.state.limits = {name: Limiter(10**9, 60) for name in APP.state.limits}
    return secret


@SCHEMA.parametrize()
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_server_fail(case: schemathesis.Case, token: str) -> None:
    if case.path == "/api/v1/sessions":
        case.call_and_validate(checks=[not_a_server_error])
        return
    if case.method == "PATCH" and "people" in case.path:
        case.path_parameters = {"person_id": 7}  # a missing person, so that the owner's role stays
    case.call_and_validate(checks=[not_a_server_error], headers={"Authorization": f"Bearer {token}"})
