"""Sign-in with an OpenID Connect provider over HTTP: people are known by subject, invited, and tokens are verified."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from annotate_server import Client, Server, owner_of, running
from oidc_provider import CLIENT, SECRET, Provider, new_key, provider
from posttrain.annotate.web.oidc_provider import discover
from posttrain.errors import InputError


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def server(elsewhere: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTTRAIN_OIDC_SECRET", SECRET)
        where = str(tmp_path_factory.mktemp("oidc") / "annotate.db")
        with running(where, "--oidc", elsewhere.url, "--oidc-client", CLIENT) as server:
            yield server


@pytest.fixture(scope="module")
def owen(server: Server) -> Client:
    return owner_of(server)


@pytest.fixture
def as_ann(elsewhere: Provider) -> Iterator[Provider]:
    before = elsewhere.key
    elsewhere.claims, elsewhere.algorithm = {"sub": "1001", "name": "ann"}, "RS256"
    yield elsewhere
    elsewhere.claims, elsewhere.key, elsewhere.algorithm = {}, before, "RS256"


def through(server: Server, start: str = "/login/oidc") -> tuple[httpx2.Client, Any]:
    """Follow a browser's way to the provider and back."""
    browser = httpx2.Client(base_url=server.url, follow_redirects=True, timeout=30)
    return browser, browser.get(start)


def invited(owen: Client) -> str:
    return "/login/oidc?invitation=" + owen.link("annotator").rsplit("/", 1)[1]


def test_an_invited_person_joins_and_signs_in_again_without_a_password(
    server: Server, owen: Client, as_ann: Provider
) -> None:
    assert "/login/oidc" in httpx2.get(f"{server.url}/login").text
    link = owen.link("adjudicator")
    assert "/login/oidc?invitation=" in httpx2.get(server.url + link).text
    browser, answer = through(server, "/login/oidc?invitation=" + link.rsplit("/", 1)[1])
    assert (answer.status_code, answer.url.path) == (200, "/")
    me = browser.get("/api/v1/me").json()
    assert (me["name"], me["role"]) == ("ann", "adjudicator")
    assert httpx2.get(server.url + link).status_code == 404, "the invitation is used up"
    as_ann.claims["name"] = "renamed elsewhere"
    again, _ = through(server)
    assert again.get("/api/v1/me").json() == me, "known by the subject, not by the name"
    actions = [line["action"] for line in owen.get("/audit").json()["items"]]
    assert actions.count("joined") == 2
    assert "signed in" in actions


def test_an_unknown_person_needs_an_invitation_and_a_locked_out_person_stays_out(
    server: Server, owen: Client, as_ann: Provider
) -> None:
    as_ann.claims = {"sub": "2002", "name": "ann"}
    browser, answer = through(server)
    assert answer.status_code == 403
    assert browser.get("/api/v1/me").status_code == 401
    joined, _ = through(server, invited(owen))
    me = joined.get("/api/v1/me").json()
    assert me["name"] != "ann" or me["id"] == 2, "a name that is taken gets a number"
    assert owen.http.patch(f"/api/v1/people/{me['id']}", json={"active": False}).status_code == 200
    _, answer = through(server)
    assert answer.status_code == 403
    assert "invitation" in answer.text


FORGED: dict[str, dict[str, Any]] = {
    "for another client": {"aud": "another"},
    "of another issuer": {"iss": "https://evil.example"},
    "of another sign-in": {"nonce": "replayed"},
    "too old": {"iat": 1_000_000_000, "exp": 1_000_000_300},
    "for nobody": {"sub": None},
}


@pytest.mark.parametrize("case", FORGED)
def test_a_token_with_wrong_claims_is_refused(case: str, server: Server, owen: Client, as_ann: Provider) -> None:
    as_ann.claims |= FORGED[case]
    browser, answer = through(server, invited(owen))
    assert answer.status_code == 403, answer.text
    assert browser.get("/api/v1/me").status_code == 401


def test_a_token_with_a_wrong_or_missing_signature_is_refused(server: Server, owen: Client, as_ann: Provider) -> None:
    for key, algorithm in (
        (new_key(), "RS256"),
        (b"a secret that both sides could know, long enough", "HS256"),
        (None, "none"),
    ):
        as_ann.key, as_ann.algorithm = key, algorithm
        browser, answer = through(server, invited(owen))
        assert answer.status_code == 403, algorithm
        assert browser.get("/api/v1/me").status_code == 401


def test_a_callback_from_another_browser_is_refused(server: Server, owen: Client, as_ann: Provider) -> None:
    begun = httpx2.get(f"{server.url}/login/oidc", follow_redirects=False)
    back = httpx2.get(begun.headers["location"], follow_redirects=False).headers["location"]
    assert httpx2.get(back).status_code == 403, "another browser, without the cookie"
    other = httpx2.Client(base_url=server.url)
    other.get("/login/oidc")
    assert other.get(back).status_code == 403, "begun twice: the state is another's"
    assert other.get("/login/oidc/back?error=access_denied&state=x").status_code == 403
    cookie = {"Cookie": "posttrain_oidc=bm9uc2Vuc2U="}
    assert httpx2.get(f"{server.url}/login/oidc/back?code=1&state=", headers=cookie).status_code == 403


def test_without_a_provider_there_is_no_such_page(tmp_path: Any) -> None:
    with running(str(tmp_path / "a.db")) as server:
        assert httpx2.get(f"{server.url}/login/oidc").status_code == 404
        assert "oidc" not in httpx2.get(f"{server.url}/login").text


def test_an_invalid_provider_gives_a_one_line_error(elsewhere: Provider) -> None:
    for issuer, expected in (
        ("http://issuer.example", "https://"),
        ("http://127.0.0.1:1", r"127\.0\.0\.1:1: .*OpenID Connect provider"),
        (f"{elsewhere.url}/", "issuer"),
    ):
        with pytest.raises(InputError, match=expected):
            discover(issuer, CLIENT, SECRET)
    assert discover(elsewhere.url, CLIENT, SECRET).token == f"{elsewhere.url}/token"
