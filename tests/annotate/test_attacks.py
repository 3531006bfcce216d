"""Attacks over HTTP that the app must refuse."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from annotate_server import PASSWORD, Client, Server, lines_of, owner_of, running
from annotating import item, team
from posttrain.annotate.db.store import open_store, writing
from posttrain.annotate.people.accounts import change_person
from posttrain.annotate.people.credentials import new_token
from posttrain.annotate.web.app import make_app

ROWS = [
    {"id": f"row {n}", "prompt": f"Question {n}?", "candidates": [{"id": x, "text": f"{x} {n}"} for x in "ab"]}
    for n in range(6)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(str(tmp_path_factory.mktemp("attacks") / "annotate.db")) as server:
        yield server


@pytest.fixture(scope="module")
def owen(server: Server) -> Client:
    return owner_of(server)


@pytest.fixture(scope="module")
def project(owen: Client) -> int:
    made = owen.post("/projects", {"name": "Tone", "settings": {"gold_every": 0, "overlap": 2}}).json()["id"]
    added = owen.http.post(f"/api/v1/projects/{made}/imports", content=lines_of(ROWS))
    assert added.json()["items"] == 6
    return int(made)


@pytest.fixture(scope="module")
def ann(owen: Client, server: Server) -> Client:
    return owen.invite(server, "ann")


@pytest.fixture(scope="module")
def bob(owen: Client, server: Server) -> Client:
    return owen.invite(server, "bob")


@pytest.fixture(scope="module")
def held(ann: Client, project: int) -> dict[str, Any]:
    return dict(ann.post(f"/projects/{project}/assignments").json())


def test_the_assignment_of_another_person_cannot_be_read_or_used(bob: Client, held: dict[str, Any]) -> None:
    path = f"/assignments/{held['id']}"
    assert bob.get(path).status_code == 404
    for what, body in (("judgments", {"ranks": [1, 2]}), ("skips", {"reason": "x"}), ("flags", {"reason": "x"})):
        assert bob.post(f"{path}/{what}", body).status_code == 404
    assert bob.post(f"{path}/renewals").status_code == 404
    assert bob.get(path).json() == bob.get("/assignments/99999").json(), "as if it were not there"


def test_an_annotator_learns_neither_models_nor_other_annotators(ann: Client, held: dict[str, Any]) -> None:
    view = json.dumps(ann.get(f"/assignments/{held['id']}").json())
    for hidden in ("model", "params_hash", "gold", "owen", "row 0"):
        assert hidden not in view


OVERSIGHT = (
    ("GET", "/projects/{p}"),
    ("GET", "/projects/{p}/dashboard"),
    ("GET", "/projects/{p}/disagreements"),
    ("POST", "/projects/{p}/exports"),
    ("POST", "/projects/{p}/imports"),
    ("POST", "/projects/{p}/guidelines"),
    ("PUT", "/projects/{p}/settings"),
    ("POST", "/projects"),
    ("POST", "/invitations"),
    ("GET", "/invitations"),
    ("DELETE", "/invitations/1"),
    ("GET", "/people"),
    ("PATCH", "/people/1"),
    ("GET", "/audit"),
    ("POST", "/projects/{p}/assignments?kind=adjudication"),
)
BODIES: dict[str, Any] = {
    "/projects/{p}/exports": {},
    "/projects/{p}/guidelines": {"text": "x"},
    "/projects/{p}/settings": {"overlap": 50},
    "/projects": {"name": "mine"},
    "/invitations": {"role": "owner"},
    "/people/1": {"role": "annotator"},
}


@pytest.mark.parametrize(("method", "path"), OVERSIGHT)
def test_an_annotator_reaches_nothing_above_their_role(ann: Client, project: int, method: str, path: str) -> None:
    answer = ann.http.request(method, f"/api/v1{path}".replace("{p}", str(project)), json=BODIES.get(path))
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/people",
        "/projects/{p}",
        "/projects/{p}/items",
        "/projects/{p}/items/1",
        "/projects/{p}/settings",
        "/projects/{p}/export",
        "/projects/{p}/adjudicate",
    ],
)
def test_pages_above_a_role_are_refused_as_well(ann: Client, project: int, path: str) -> None:
    assert ann.http.get(path.replace("{p}", str(project))).status_code == 403


def test_nobody_gives_anyone_a_role_above_their_own(owen: Client, server: Server) -> None:
    admin = owen.invite(server, "adam", "admin")
    own = admin.get("/me").json()["id"]
    assert admin.http.patch(f"/api/v1/people/{own}", json={"role": "owner"}).status_code == 403
    assert admin.post("/invitations", {"role": "owner"}).status_code == 403
    owner = owen.get("/me").json()["id"]
    for change in ({"role": "annotator"}, {"active": False}):
        assert admin.http.patch(f"/api/v1/people/{owner}", json=change).status_code == 403
        assert owen.http.patch(f"/api/v1/people/{owner}", json=change).status_code == 403, "the last owner stays"
    assert admin.post("/invitations", {"role": "admin"}).status_code == 201


def test_a_locked_out_person_has_no_access_at_once(owen: Client, server: Server) -> None:
    eve = owen.invite(server, "eve")
    token = eve.post("/tokens", {"name": "script"}).json()["token"]
    number = eve.get("/me").json()["id"]
    assert owen.http.patch(f"/api/v1/people/{number}", json={"active": False}).status_code == 200
    assert eve.get("/me").status_code == 401
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx2.get(f"{server.url}/api/v1/me", headers=bearer).status_code == 401
    again = httpx2.post(f"{server.url}/api/v1/sessions", json={"name": "eve", "password": PASSWORD})
    assert again.status_code == 401


def test_a_request_of_another_site_changes_nothing(ann: Client, held: dict[str, Any]) -> None:
    path, body = f"/api/v1/assignments/{held['id']}/judgments", {"ranks": [1, 2]}
    cookie = {"Cookie": f"posttrain_session={ann.http.cookies['posttrain_session']}"}
    for headers in (
        {},
        {"X-CSRF-Token": "guess"},
        {"X-CSRF-Token": ann.http.headers["X-CSRF-Token"], "Origin": "https://evil.example"},
        {"X-CSRF-Token": ann.http.headers["X-CSRF-Token"], "Origin": "https://["},
        {"X-CSRF-Token": ann.http.headers["X-CSRF-Token"], "Origin": "null"},
        {"X-CSRF-Token": ann.http.headers["X-CSRF-Token"], "Sec-Fetch-Site": "cross-site"},
    ):
        answer = httpx2.post(str(ann.http.base_url).rstrip("/") + path, json=body, headers=cookie | headers)
        assert answer.status_code == 403
    for origin in ("https://evil.example", "https://a]b"):
        form = ann.http.post("/login", data={"name": "ann", "password": PASSWORD}, headers={"Origin": origin})
        assert form.status_code == 403


def test_a_forged_order_or_candidate_is_refused(ann: Client, held: dict[str, Any]) -> None:
    path = f"/assignments/{held['id']}/judgments"
    for more in ({"shown_order": ["b", "a"]}, {"candidates": ["b", "a"]}, {"person_id": 1}, {"origin": "import"}):
        assert ann.post(path, {"ranks": [1, 2], **more}).status_code == 422
    for ranks in ([1], [1, 2, 3], [0, 1], [1, 27], [1.5, 2], ["1", "2"], {"a": 1, "b": 2}, [True, 2], None):
        assert ann.post(path, {"ranks": ranks}).status_code == 422


def test_a_replayed_submit_counts_once_and_a_key_is_not_used_again(bob: Client, project: int, owen: Client) -> None:
    mine = bob.post(f"/projects/{project}/assignments").json()
    path, key = f"/assignments/{mine['id']}/judgments", {"Idempotency-Key": "the-same-key"}
    first = bob.post(path, {"ranks": [1, 2]}, headers=key).json()
    assert [bob.post(path, {"ranks": [1, 2]}, headers=key).json() for _ in range(3)] == [first] * 3
    assert bob.post(path, {"ranks": [2, 1]}, headers=key).status_code == 422
    assert bob.get(f"/projects/{project}/judgments").json()["total"] == 1


def test_a_session_from_before_the_sign_in_is_not_reused(server: Server, ann: Client) -> None:
    planted = "planted-by-an-attacker"
    answer = httpx2.post(
        f"{server.url}/api/v1/sessions",
        json={"name": "ann", "password": PASSWORD},
        headers={"Cookie": f"posttrain_session={planted}"},
    )
    given = answer.headers["set-cookie"]
    assert planted not in given
    assert "HttpOnly" in given
    assert "samesite=lax" in given.lower()
    me = httpx2.get(f"{server.url}/api/v1/me", headers={"Cookie": f"posttrain_session={planted}"})
    assert me.status_code == 401


def test_signing_out_ends_the_session_on_the_server(owen: Client, server: Server) -> None:
    client = Client(server, "ann")
    cookie = {"Cookie": f"posttrain_session={client.http.cookies['posttrain_session']}"}
    assert client.http.delete("/api/v1/sessions/current").status_code == 204
    assert httpx2.get(f"{server.url}/api/v1/me", headers=cookie).status_code == 401


def test_an_invitation_can_be_used_once(owen: Client, server: Server) -> None:
    link = owen.link()
    Client(server, "carl", link)
    for name in ("mallory", "carl"):
        assert httpx2.post(server.url + link, data={"name": name, "password": PASSWORD}).status_code == 404
    assert httpx2.get(f"{server.url}/join/{'x' * 43}").status_code == 404


def test_repeated_guesses_of_passwords_are_refused(tmp_path: Path) -> None:
    with running(str(tmp_path / "a.db")) as server:
        owner_of(server)
        tries = [
            httpx2.post(f"{server.url}/api/v1/sessions", json={"name": "Owen", "password": f"guess {n}"}).status_code
            for n in range(14)
        ]
        assert tries[:9] == [401] * 9
        assert tries[-3:] == [429] * 3
        right = httpx2.post(f"{server.url}/api/v1/sessions", json={"name": "owen", "password": PASSWORD})
        assert right.status_code == 429, "nor once the right one is found"


def test_only_a_named_proxy_sets_the_address_of_a_request(tmp_path: Path) -> None:
    def guess(server: Server, n: int, address: str) -> int:
        body = {"name": "owen", "password": f"guess {n}" if n else PASSWORD}
        headers = {"X-Forwarded-For": address}
        return httpx2.post(f"{server.url}/api/v1/sessions", json=body, headers=headers).status_code

    with running(str(tmp_path / "a.db")) as server:
        owner_of(server)
        assert [guess(server, n, f"203.0.113.{n}") for n in range(1, 13)] == [401] * 10 + [429] * 2
    with running(str(tmp_path / "a.db"), "--proxy", "127.0.0.1") as server:
        assert [guess(server, n, "203.0.113.1") for n in range(1, 13)] == [401] * 10 + [429] * 2
        assert guess(server, 0, "203.0.113.2") == 201, "a stranger's guesses lock nobody else out"


def test_no_redirect_names_a_host(ann: Client, server: Server, project: int) -> None:
    for path in ("/api/v1/me/", f"/projects/{project}/rank/", "/static", "/", "/login/"):
        answer = ann.http.get(path, headers={"Host": "evil.example"}, follow_redirects=False)
        assert "evil.example" not in answer.headers.get("location", "")


@pytest.mark.parametrize("role", ["annotator", "viewer"])
def test_a_former_adjudicator_sees_no_dispute(tmp_path: Path, role: str) -> None:
    engine = open_store(tmp_path / "a.db")
    found = team(engine, item("one"), overlap=2)
    for name, order in (("ann", "a>b"), ("bob", "b>a")):
        found.rank(name, order)
    held = found.next("ada", "adjudication")
    assert held is not None
    with writing(engine) as connection:
        secret = new_token(connection, found.people["ada"], "t", found.at)[1]
    path = f"/api/v1/assignments/{held.id}"
    with TestClient(make_app(engine), headers={"Authorization": f"Bearer {secret}"}) as http:
        assert http.get(path).json()["others"]
        with writing(engine) as connection:
            change_person(connection, None, found.people["ada"].id, found.at, role=role, active=None)
        assert http.get(path).status_code == 403
        for what, body in (
            ("renewals", None),
            ("judgments", {"ranks": [1, 2]}),
            ("skips", {"reason": "x"}),
            ("flags", {"reason": "x"}),
        ):
            assert http.post(f"{path}/{what}", json=body).status_code == 403, what
    engine.dispose()


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(server: Server) -> None:
    answers = [
        httpx2.post(f"{server.url}/api/v1/sessions", json={"name": name, "password": "not the password"})
        for name in ("bob", "nobody at all")
    ]
    assert answers[0].status_code == answers[1].status_code == 401
    assert answers[0].json() == answers[1].json()


SQL = ("' OR 1=1 --", "1; DROP TABLE people", '" OR ""="', "1 UNION SELECT password FROM people", "%27%20OR%201=1")


@pytest.mark.parametrize("text", SQL)
def test_sql_in_any_field_is_text(owen: Client, ann: Client, server: Server, project: int, text: str) -> None:
    answer = httpx2.post(f"{server.url}/api/v1/sessions", json={"name": text, "password": text})
    assert answer.status_code == 401
    assert ann.get(f"/assignments/{text}").status_code in (404, 422)
    assert ann.post(f"/projects/{project}/assignments?kind={text}").status_code == 422
    assert owen.get("/people").json()["total"] >= 3


@pytest.mark.parametrize(
    "path",
    [
        "/static/../web/guard.py",
        "/static/..%2f..%2fstore.py",
        "/static/%2e%2e/%2e%2e/store.py",
        "/static//etc/passwd",
        "/static/....//....//etc/passwd",
        "/join/../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_static_folder(server: Server, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:  # clients tidy such paths before they send them
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split()[1] in (b"404", b"400", b"401"), answer[:200]
    assert b"root:" not in answer
    assert b"import" not in answer


def test_imports_read_no_file_and_take_all_rows_or_none(owen: Client, project: int) -> None:
    path = f"/api/v1/projects/{project}/imports"
    before = owen.get(f"/projects/{project}/dashboard").json()["progress"]["items"]
    bad = [{"id": "../../../../etc/passwd", "prompt": "fine", "candidates": [{"id": 1, "text": "a"}]}]
    for content in (lines_of([*ROWS[:1], *bad]), b"/etc/passwd", b"\xff\xfe", b"", b'{"a":' * 3000, b'{"prompt": NaN}'):
        answer = owen.http.post(path, content=content)
        assert answer.status_code == 422, answer.text
        assert "root:" not in answer.text
        assert "rows.jsonl" in answer.text
    assert owen.get(f"/projects/{project}/dashboard").json()["progress"]["items"] == before


def test_bodies_that_are_too_large_are_refused_before_they_are_read(owen: Client, server: Server) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    for content in (b"x" * (2 << 20), endless()):
        with contextlib.suppress(httpx2.TransportError):  # the connection was closed while we were still sending
            assert owen.http.post("/api/v1/projects", content=content).status_code == 413
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert raw.recv(4096).split()[1] == b"413"


def test_without_a_session_bodies_are_small_and_long_ones_need_a_session_first(
    owen: Client, ann: Client, server: Server
) -> None:
    token = {"Authorization": f"Bearer {owen.post('/tokens', {'name': 'imports'}).json()['token']}"}
    unknown = {"Authorization": "Bearer none"}
    for path, headers, answers in (
        ("/api/v1/projects/1/imports", {}, (b"401",)),
        ("/api/v1/projects/1/imports", unknown, (b"401",)),
        ("/api/v1/projects/99999/imports", token, (b"404",)),
        ("/x/imports", {}, (b"413",)),
        ("/api/v1/projects/1/guidelines", {}, (b"413",)),
        ("/login", {}, (b"413",)),
        ("/login", {"Transfer-Encoding": "chunked"}, (b"413",)),
    ):
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = "" if "Transfer-Encoding" in headers else "Content-Length: 900000\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw:
            raw.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}{length}\r\n".encode())
            if not length:
                raw.sendall(b"11000\r\n" + b"x" * 0x11000)
            assert raw.recv(4096).split()[1] in answers, f"{path} is answered while most of its body is still to come"
    long = "x" * 49_000 + "é" * 10_000
    assert owen.post("/projects/1/guidelines", {"text": long[:50_000]}).status_code in (201, 404)
    answer = ann.http.post("/api/v1/projects/1/imports", content=b"x" * (2 << 20))
    assert answer.status_code == 403


def test_an_import_may_be_large(owen: Client, project: int) -> None:
    rows = [{**ROWS[0], "id": f"large {n}", "about": "x" * 1_000_000} for n in range(3)]
    answer = owen.http.post(f"/api/v1/projects/{project}/imports", content=lines_of(rows))
    assert (answer.status_code, answer.json()["items"]) == (201, 3)


HALVES = (rb'"\ud800"', rb'"\uDFFFx"', b'"\xed\xa0\x80"', '"\ud800"'.encode("utf-16-le", "surrogatepass"))


@pytest.mark.parametrize("half", HALVES)
def test_a_lone_surrogate_is_refused_at_every_place(owen: Client, server: Server, project: int, half: bytes) -> None:
    def json_of(before: str, after: str) -> bytes:
        encoding = "utf-16-le" if half[1:2] == b"\0" else "utf-8"
        return before.encode(encoding) + half + after.encode(encoding)

    for method, path, before, after in (
        ("POST", "sessions", '{"password": "x", "name": ', "}"),
        ("POST", "sessions", '{"name": "x", "password": ', "}"),
        ("POST", "tokens", '{"name": ', "}"),
        ("POST", "projects", '{"name": ', "}"),
        ("POST", f"projects/{project}/guidelines", '{"text": ', "}"),
        ("PUT", f"projects/{project}/settings", '{"criteria": [', "]}"),
        ("POST", "assignments/1/judgments", '{"ranks": [1, 2], "rewrite": ', "}"),
        ("POST", "assignments/1/judgments", '{"ranks": [1, 2], "criteria": {', ": []}}"),
        ("POST", "assignments/1/skips", '{"reason": ', "}"),
        ("POST", "assignments/1/skips", "{", ": 1}"),
    ):
        sent = {"content": json_of(before, after), "headers": {"Content-Type": "application/json"}}
        assert owen.http.request(method, f"/api/v1/{path}", **sent).status_code == 422, (path, before)
    emoji = owen.http.post("/api/v1/tokens", content=rb'{"name": "\ud83d\ude00"}', headers=sent["headers"])
    assert emoji.status_code == 201, "both halves are a character"


def test_a_form_of_many_fields_is_refused(owen: Client, server: Server) -> None:
    for path in ("/login", owen.link()):
        assert httpx2.post(server.url + path, data={f"x{n}": "1" for n in range(12)}).status_code == 422


def test_every_response_has_the_policy_that_forbids_foreign_and_inline_scripts(server: Server) -> None:
    for path in ("/login", "/static/page.js", "/api/v1/me", "/nowhere", "/api/v1/openapi.json"):
        headers = httpx2.get(server.url + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_the_pages_request_nothing_from_other_hosts() -> None:
    import posttrain.annotate.pages as pages

    for path in Path(pages.__file__).parent.rglob("*.*"):
        if path.suffix in (".html", ".js", ".css"):
            assert "//" not in path.read_text().replace("// ", "").replace("://", "") or path.suffix == ".js"
            assert "http://" not in path.read_text()
            assert "https://" not in path.read_text()


def test_names_that_are_blank_taken_or_unprintable_are_refused(owen: Client, server: Server) -> None:
    for name, status in ((" ", 422), ("OWEN", 422), ("a\0b", 422), ("x" * 81, 422), ("two\nlines", 303)):
        answer = httpx2.post(server.url + owen.link(), data={"name": name, "password": PASSWORD})
        assert answer.status_code == status, name
    short = httpx2.post(server.url + owen.link(), data={"name": "shorty", "password": "short"})
    assert short.status_code == 422
