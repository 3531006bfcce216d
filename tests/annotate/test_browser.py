"""The pages in a real browser: keyboard, drag and drop, a lost connection; and texts never run scripts."""

import json
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from annotate_server import PASSWORD, Client, Server, lines_of, owner_of, running
from xss_payloads import PAYLOADS

KEYS = ["a", "b", "c"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(str(tmp_path / "annotate.db")) as server:
        yield server


@pytest.fixture
def owen(server: Server) -> Client:
    return owner_of(server)


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def rows(n: int, k: int = 3) -> list[dict[str, Any]]:
    candidates = [
        {"id": x, "text": f"Text {x.upper()}", "model": f"model {x}", "params_hash": x * 64} for x in KEYS[:k]
    ]
    return [{"id": f"row {i}", "prompt": f"Question {i}?", "candidates": candidates} for i in range(n)]


def project(owen: Client, new: list[dict[str, Any]], **settings: Any) -> int:
    made = owen.post("/projects", {"name": "Tone", "settings": {"gold_every": 0, **settings}}).json()
    assert owen.http.post(f"/api/v1/projects/{made['id']}/imports", content=lines_of(new)).status_code == 201
    return int(made["id"])


def sign_in(page: Page, name: str) -> None:
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def texts(page: Page) -> list[str]:
    page.wait_for_selector(".candidate")
    return page.locator(".candidate .body").all_inner_texts()


def exported(owen: Client, number: int, tmp_path: Path, what: str = "rankings") -> list[dict[str, Any]]:
    answer = owen.post(f"/projects/{number}/exports", {"what": what})
    assert answer.status_code == 200, answer.text
    (tmp_path / "x.zip").write_bytes(answer.content)
    with zipfile.ZipFile(tmp_path / "x.zip") as zipped:
        return [json.loads(line) for line in zipped.read("train.jsonl").decode().splitlines()]


def strip(page: Page) -> str:
    return " > ".join("=".join(level.locator(".chip").all_inner_texts()) for level in page.locator(".level").all())


def test_a_person_joins_with_an_invitation_and_ranks_with_the_keyboard_alone(
    page: Page, owen: Client, server: Server, tmp_path: Path
) -> None:
    number = project(owen, rows(2))
    page.goto(owen.link())
    page.keyboard.press("Tab")
    page.get_by_label("Your name").focus()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.get_by_role("link", name="Rank").focus()
    page.keyboard.press("Enter")
    first = texts(page)
    for key in "210":  # 2 and 1 tie
        page.keyboard.press(key)
    page.keyboard.press("3")
    assert strip(page) == "2=1 > 3"
    expect(page.locator("#announcement")).to_have_text("Answer 3 is 2nd.")
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_contain_text("1 judged by you")
    second = texts(page)
    page.locator(".candidate").nth(2).focus()
    page.keyboard.press("ArrowDown")  # places it
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("1")
    page.keyboard.press("ArrowUp")  # the focused one, 2, moves before 3
    assert strip(page) == "2 > 3 > 1"
    page.keyboard.press("u")
    assert strip(page) == "3 > 2 > 1"
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    expect(page.locator("#guideline")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#empty")).to_be_visible()
    got = {row["id"]: row for row in exported(owen, number, tmp_path)}
    ranks = {text[-1].lower(): rank for text, rank in zip(first, (1, 1, 2), strict=True)}
    assert got["row 0"]["ranks"] == ranks
    assert got["row 0"]["shown_order"] == [text[-1].lower() for text in first]
    assert got["row 1"]["ranks"] == {text[-1].lower(): rank for text, rank in zip(second, (3, 2, 1), strict=True)}
    assert got["row 1"]["duration_ms"] > 0


def test_answers_are_ranked_by_drag_and_drop_with_ties(page: Page, owen: Client, tmp_path: Path) -> None:
    number = project(owen, rows(1))
    sign_in(page, "owen")
    page.goto(f"/projects/{number}/rank")
    shown = texts(page)
    chips = page.locator(".candidate header .chip")
    chips.nth(0).drag_to(page.locator(".gap").last)
    chips.nth(1).drag_to(page.locator(".gap").first)
    assert strip(page) == "2 > 1"
    chips.nth(2).drag_to(page.locator(".level").nth(1))
    assert strip(page) == "2 > 1=3"
    page.locator(".level .chip").nth(0).drag_to(page.locator(".gap").last)
    assert strip(page) == "1=3 > 2"
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#empty")).to_be_visible()
    assert exported(owen, number, tmp_path)[0]["ranks"] == {
        text[-1].lower(): rank for text, rank in zip(shown, (1, 2, 1), strict=True)
    }


def test_criteria_all_bad_and_a_rewrite_reach_the_export(page: Page, owen: Client, tmp_path: Path) -> None:
    number = project(owen, rows(1), criteria=["correct", "tone"], rewrite=True)
    sign_in(page, "owen")
    page.goto(f"/projects/{number}/rank")
    shown = texts(page)
    page.keyboard.press("3")
    page.locator(".candidate").nth(1).get_by_label("tone").check()
    page.get_by_role("button", name="Start from the best").click()
    assert page.locator("#rewrite").input_value() == shown[2]
    page.locator("#rewrite").fill("A better text 123")  # digits typed here rank nothing
    assert strip(page) == "3"
    page.locator("#strip-title").click()
    page.keyboard.press("b")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#empty")).to_be_visible()
    row = exported(owen, number, tmp_path)[0]
    assert row["meta_all_bad"] is True
    assert json.loads(row["meta_criteria"]) == {"correct": [], "tone": [shown[1][-1].lower()]}
    assert exported(owen, number, tmp_path, "sft")[0]["completion"] == "A better text 123"


def test_skip_flag_and_undo_of_what_was_submitted(page: Page, owen: Client, tmp_path: Path) -> None:
    number = project(owen, rows(3, k=2))
    sign_in(page, "owen")
    page.goto(f"/projects/{number}/rank")
    texts(page)
    for number, key in enumerate("sf"):
        expect(page.locator("#prompt")).to_contain_text(f"Question {number}?")
        page.keyboard.press(key)
        page.get_by_label("Why?").fill("I cannot tell")
        page.get_by_role("button", name="Send").click()
    expect(page.locator("#prompt")).to_contain_text("Question 2?")
    shown = texts(page)
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#empty")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#item")).to_be_visible()
    expect(page.locator("#prompt")).to_contain_text("Question 2?")
    assert strip(page) == "1 > 2"
    page.locator(".candidate").nth(1).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#empty")).to_be_visible()
    got = exported(owen, number, tmp_path)
    assert [row["id"] for row in got] == ["row 2"]
    assert got[0]["ranks"] == {shown[1][-1].lower(): 1, shown[0][-1].lower(): 2}


def test_without_a_connection_nothing_is_lost(page: Page, owen: Client, server: Server, tmp_path: Path) -> None:
    number = project(owen, rows(2))
    sign_in(page, "owen")
    page.goto(f"/projects/{number}/rank")
    texts(page)
    page.keyboard.press("3")
    page.reload()
    texts(page)
    assert strip(page) == "3", "a draft survives a reload"
    server.kill()
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#offline")).to_contain_text("kept in this browser (1 to send)")
    server.start()
    expect(page.locator("#progress")).to_contain_text("1 judged by you", timeout=15_000)
    expect(page.locator("#offline")).to_be_hidden()
    page.context.set_offline(True)
    for key in ("2", "1", "3", "Enter", "Enter", "1", "Enter"):  # what was sent is not touched again
        page.keyboard.press(key)
    expect(page.locator("#offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#empty")).to_be_visible(timeout=15_000)
    assert owen.get(f"/projects/{number}/dashboard").json()["progress"]["chain"]["judgments"] == 2
    got = exported(owen, number, tmp_path)
    assert len(got) == 2
    assert [got[0]["ranks"][name] for name in got[0]["shown_order"]] == [2, 3, 1]


def test_a_skip_without_a_connection_is_sent_when_the_connection_is_back(page: Page, owen: Client) -> None:
    number = project(owen, rows(2))
    sign_in(page, "owen")
    page.goto(f"/projects/{number}/rank")
    texts(page)
    page.context.set_offline(True)
    page.keyboard.press("s")
    page.get_by_label("Why?").fill("I cannot tell")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#offline")).to_contain_text("(1 to send)")
    page.context.set_offline(False)
    expect(page.locator("#prompt")).to_contain_text("Question 1?", timeout=15_000)
    assert owen.get("/audit").json()["items"][0]["detail"]["reason"] == "I cannot tell"


def test_an_adjudicator_settles_disagreements_without_seeing_names(
    page: Page, owen: Client, server: Server, tmp_path: Path
) -> None:
    number = project(owen, rows(1, k=2), overlap=2)
    for name, best in (("ann", "Text A"), ("bob", "Text B")):
        client = owen.invite(server, name)
        held = client.post(f"/projects/{number}/assignments").json()
        ranks = [1 if c["text"] == best else 2 for c in held["candidates"]]
        assert client.post(f"/assignments/{held['id']}/judgments", {"ranks": ranks}).status_code == 201
    owen.invite(server, "ada", "adjudicator")
    sign_in(page, "ada")
    page.get_by_role("link", name="Adjudicate").click()
    shown = texts(page)
    assert sorted(page.locator("#others-list li").all_inner_texts()) == ["1  >  2", "2  >  1"] or sorted(
        re.sub(r"\s+", " ", text) for text in page.locator("#others-list li").all_inner_texts()
    ) == ["1 > 2", "2 > 1"]
    assert not re.search(r"\bann\b|\bbob\b", page.content())
    page.keyboard.press("2")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#empty")).to_be_visible()
    row = exported(owen, number, tmp_path)[0]
    assert row["annotator"] == "ada"
    assert row["ranks"][shown[1][-1].lower()] == 1
    sign_in(page, "owen")
    page.goto(f"/projects/{number}")
    expect(page.get_by_text("1 of 1 items")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^ann"))).to_be_visible()
    page.goto(f"/projects/{number}/export")
    page.get_by_label("Share of prompts").fill("0")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "got.zip")
    with zipfile.ZipFile(tmp_path / "got.zip") as zipped:
        assert set(zipped.namelist()) == {"train.jsonl", "manifest.json"}


def test_an_admin_invites_changes_roles_and_publishes_a_guideline(page: Page, owen: Client, server: Server) -> None:
    number = project(owen, rows(1))
    ann = owen.invite(server, "ann")
    sign_in(page, "owen")
    page.goto("/people")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("/join/")).to_be_visible()
    page.get_by_label("Role of ann").select_option("adjudicator")
    expect(page.locator("#people-status")).to_contain_text("Changed")
    assert ann.get("/me").status_code == 401, "her session ended"
    page.goto(f"/projects/{number}/settings")
    page.locator("#guideline-text").fill("Be strict.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 2 is published.")).to_be_visible()
    page.goto(f"/projects/{number}/rank")
    page.wait_for_selector(".candidate")
    page.keyboard.press("g")
    expect(page.locator("#guideline")).to_contain_text("Be strict.")


def test_differences_are_merged_into_deletions_and_insertions_of_the_two_texts(page: Page, server: Server) -> None:
    page.goto("/login")
    rng = random.Random(0)
    words = ["dose", "20", "mg", "daily", "not", ".", "\n\n", " ", "  ", "Übelkeit", "**", "the"]
    pairs = [["".join(rng.choices(words, k=rng.randint(0, 30))) for _ in range(2)] for _ in range(300)]
    pieces_of_pairs = page.evaluate(
        "async (pairs) => { const { diff } = await import('/static/diff.js'); return pairs.map((p) => diff(...p)); }",
        pairs,
    )
    for (old, new), pieces in zip(pairs, pieces_of_pairs, strict=True):
        assert "".join(text for kind, text in pieces if kind != "ins") == old
        assert "".join(text for kind, text in pieces if kind != "del") == new
        kinds = [kind for kind, _ in pieces]
        assert "insdel" not in "".join(kinds), "a deletion comes before the insertion that replaces it"
        assert not any(text.endswith(("Ü", "Üb")) for _, text in pieces), "words stay whole in every script"
        inside = [text for (kind, text) in pieces[1:-1] if kind == "same"]
        assert all(len(re.findall(r"\w+", text)) >= 2 for text in inside)


def test_an_owner_makes_a_project_changes_its_settings_and_views_items(
    page: Page, owen: Client, server: Server, tmp_path: Path
) -> None:
    sign_in(page, "owen")
    page.get_by_text("New project").click()
    page.get_by_label("Name").fill("From the page")
    page.get_by_role("button", name="Make the project").click()
    page.wait_for_url("**/settings")
    page.get_by_label("Overlap").fill("3")
    page.get_by_label("Criteria").fill("correct, tone")
    page.get_by_label("Rewrite").check()
    page.get_by_label("Flags").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    number = int(page.url.split("/")[-2])
    settings = owen.get(f"/projects/{number}").json()["settings"]
    assert (settings["overlap"], settings["criteria"], settings["rewrite"]) == (3, ["correct", "tone"], True)
    assert settings["most"] is None
    (tmp_path / "rows.jsonl").write_bytes(lines_of(rows(2)))
    page.locator("#rows").set_input_files(tmp_path / "rows.jsonl")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("2 items")).to_be_visible()
    ann, bob = (owen.invite(server, name) for name in ("ann", "bob"))
    held = ann.post(f"/projects/{number}/assignments").json()
    assert ann.post(f"/assignments/{held['id']}/judgments", {"ranks": [1, 1, 2]}).status_code == 201
    held = bob.post(f"/projects/{number}/assignments").json()
    assert bob.post(f"/assignments/{held['id']}/flags", {"reason": "Personal data"}).status_code == 201
    page.get_by_role("link", name="Items").click()
    page.get_by_role("link", name="Flagged 1").click()
    page.get_by_role("link", name="row 0").click()
    expect(page.get_by_text("bob flagged it: Personal data")).to_be_visible()
    order = page.get_by_role("row", name=re.compile("^ann")).locator("td").first.inner_text()
    assert re.fullmatch(r"([ABC]) = ([ABC]) > ([ABC])", order)
    expect(page.get_by_text("model a")).to_be_visible()
    page.get_by_role("button", name="Put back").click()
    expect(page.get_by_role("button", name="Put back")).to_have_count(0)
    assert owen.get(f"/projects/{number}/dashboard").json()["progress"]["states"] == {"open": 2}


def test_no_script_runs_from_prompts_candidates_markdown_names_or_reasons(
    page: Page, owen: Client, browser: Browser
) -> None:
    assert len(PAYLOADS) >= 60
    new = [
        {
            "id": f"{n} {text}"[:150],
            "prompt": text,
            "candidates": [{"id": "a", "text": text}, {"id": "b", "text": f"b{text}"}],
        }
        for n, text in enumerate(PAYLOADS)
    ]
    number = project(owen, new, view="markdown", flags=1)
    sign_in(page, "owen")
    page.add_init_script("window.fired = []; window.alert = window.prompt = window.confirm = (...x) => fired.push(x)")
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    left: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(page.url[:21]) else left.append(request.url))
    page.goto(f"/projects/{number}/rank")
    for n in range(len(PAYLOADS)):
        expect(page.locator("#progress")).to_contain_text(f"{n} judged by you")
        assert page.locator("#prompt .text").inner_text().strip() == PAYLOADS[n].strip() or "\t" in PAYLOADS[n]
        for view in ("markdown", "diff", "text"):
            page.locator("#view").select_option(view)
            inside = "script, iframe, object, embed, img, svg, form, style, base, link, meta, [style]"
            assert page.locator("#candidates .body").locator(inside).count() == 0, PAYLOADS[n]
            hrefs = page.locator("#candidates .body a").evaluate_all("all => all.map(a => a.protocol)")
            assert set(hrefs) <= {"http:", "https:", "mailto:"}, PAYLOADS[n]
            events = "all => all.flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
            assert page.locator("#candidates .body *").evaluate_all(events) == [], PAYLOADS[n]
        page.locator("#view").select_option("markdown")
        page.locator("#candidates .candidate").first.focus()
        page.keyboard.press("1")
        page.keyboard.press("2")
        page.keyboard.press("Enter")
    expect(page.locator("#empty")).to_be_visible()
    for text in PAYLOADS[:5]:
        owen.post("/projects", {"name": text.replace("\n", " ").replace("\t", " ")[:70]})
    for path in (
        "/",
        f"/projects/{number}",
        f"/projects/{number}/items",
        *(f"/projects/{number}/items/{n}" for n in range(1, len(PAYLOADS) + 1)),
        f"/projects/{number}/settings",
        f"/projects/{number}/export",
        "/people",
        "/login?next=<script>alert(1)</script>",
    ):
        assert page.goto(path).status == 200
        assert page.evaluate("window.fired") == []
    assert page.evaluate("window.fired") == []
    assert left == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1360])
def test_axe_finds_no_serious_violation_on_any_page(
    browser: Browser, owen: Client, server: Server, scheme: Any, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    number = project(owen, rows(3), criteria=["correct"], rewrite=True)
    context = browser.new_context(base_url=server.url, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()

    def check(path: str, wait: str = "h1") -> None:
        assert page.goto(path).status == (404 if path == "/nowhere" else 200)
        page.wait_for_selector(wait)
        found = axe.run(page).response["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:120]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls sideways"

    check("/login")
    check(owen.link())
    sign_in(page, "owen")
    check(f"/projects/{number}/rank", ".candidate")
    for key in ("1", "2", "0"):
        page.keyboard.press(key)
    assert not [v for v in axe.run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    for path in (
        "/",
        f"/projects/{number}",
        f"/projects/{number}/items",
        f"/projects/{number}/items?state=settled",
        f"/projects/{number}/items/1",
        f"/projects/{number}/settings",
        f"/projects/{number}/export",
        "/people",
        "/api",
        "/nowhere",
        f"/projects/{number}/adjudicate",
    ):
        check(path)
    context.close()


ARABIC = "الجرعة 20 mg مرتين يوميا."
MIXED = f"{ARABIC}\n\nTake 20 mg twice a day."


def test_every_displayed_or_edited_text_has_the_direction_of_its_script(
    page: Page, owen: Client, server: Server
) -> None:
    def ends_left(selector: str, paragraph: str = ARABIC) -> bool:
        """Whether the last character of the paragraph, its full stop, is left of its first character."""
        return bool(
            page.locator(selector).first.evaluate(
                """(node, wanted) => {
                  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
                  while (walker.nextNode()) {
                    const at = walker.currentNode.textContent.indexOf(wanted);
                    if (at < 0) continue;
                    const place = (index) => {
                      const range = document.createRange();
                      range.setStart(walker.currentNode, at + index);
                      range.setEnd(walker.currentNode, at + index + 1);
                      return range.getBoundingClientRect().left;
                    };
                    return place(wanted.length - 1) < place(0);
                  }
                  throw new Error(`not found: ${wanted}`);
                }""",
                paragraph,
            )
        )

    candidates = [
        {"id": "a", "text": MIXED},
        {"id": "b", "text": f"- {ARABIC}\n- two.\n- ثلاثة `f(x)`\n\n  ```python\n  x = []\n  ```"},
    ]
    new = [{"id": ARABIC, "prompt": MIXED, "candidates": candidates, "slice": ARABIC}]
    number = project(owen, new, rewrite=True, criteria=[ARABIC], flags=1)
    owen.post(f"/projects/{number}/guidelines", {"text": MIXED})
    sign_in(page, "owen")
    page.goto(f"/projects/{number}/rank")
    texts(page)
    place = page.locator(".candidate .body").all_inner_texts().index(MIXED)
    mixed = f".candidate[data-place='{place}'] .body .text"
    for selector in ("#prompt .text", mixed, ".candidate .criteria span"):
        assert ends_left(selector), selector
    for selector in ("#prompt .text", mixed):
        assert not ends_left(selector, "Take 20 mg twice a day."), "each paragraph has its own direction"
    page.locator("#view").select_option("markdown")
    assert ends_left(".candidate .markdown li")
    assert page.locator(".candidate .markdown ul").evaluate("node => getComputedStyle(node).direction") == "rtl"
    assert not ends_left(".candidate .markdown li:nth-child(2)", "two.")
    for code in ("f(x)", "x = []"):
        assert not ends_left(".candidate .markdown li:nth-child(3)", code), "code goes from left to right in any text"
    page.keyboard.press("g")
    assert ends_left("#guideline .text")
    page.keyboard.press("Escape")
    direction = "node => getComputedStyle(node).direction"
    page.locator("#rewrite").fill(ARABIC)
    assert page.locator("#rewrite").evaluate(direction) == "rtl"
    page.locator("#strip-title").click()
    page.keyboard.press("f")
    page.get_by_label("Why?").fill(ARABIC)
    assert page.locator("#reason").evaluate(direction) == "rtl"
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#empty")).to_be_visible()
    page.goto(f"/projects/{number}/items")
    assert ends_left("tbody th a")
    page.goto(f"/projects/{number}/items/1")
    for selector in ("h2.subtitle bdi", ".card .text", ".candidate .body", ".plain bdi"):
        assert ends_left(selector), selector
    page.goto(f"/projects/{number}/settings")
    assert page.locator("#guideline-text").evaluate(direction) == "rtl"
