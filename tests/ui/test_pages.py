"""The live pages in a real browser: the list, a run at work, models side by side; who may see them, and no scripts."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from annotate_server import PASSWORD
from byte_model import save_byte_model
from posttrain.annotate.serve import serving
from posttrain.pipeline.live_files import LiveFiles
from posttrain.serve.served import ServedModel, served_models
from posttrain.ui.loaded_models import MOST, WAITING, LoadedModels, ModelsBusy
from posttrain.ui.section import runs_section
from run_folders import put, put_run, put_stage
from served import open_model
from xss_payloads import PAYLOADS

YOUNG = "team/ein 1%20#ü<i>"
"""The run at work; its name has what addresses and pages must escape."""

STAGES = ("sft", "dpo", "grpo")
SHAPE = {"max_position_embeddings": 512, "initializer_range": 0.3}


def loaded(name: str, place: str) -> ServedModel:
    return served_models({name: place}, open_model, None)[name]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: a finished one with four models, and one that is at work."""
    root = tmp_path_factory.mktemp("ui") / "runs"
    base = save_byte_model(root.parent / "base", seed=7, **SHAPE)
    done = put_run(root / "done", {name: {"kind": name} for name in STAGES})
    manifest = json.loads((done / "manifest.json").read_text())
    put(done / "manifest.json", {**manifest, "recipe": {**manifest["recipe"], "model": str(base)}})
    for number, name in enumerate(STAGES):
        save_byte_model(done / "stages" / name / "model", **SHAPE, seed=number + 1)
    row = {"where": "rows.jsonl:1", "part": "validation", "prompt": PAYLOADS[0], "target": None}
    put(done / "stages/sft/samples.json", [{**row, "before": PAYLOADS[10], "after": PAYLOADS[19]}])
    completion = {"prompt": PAYLOADS[11], "completion": PAYLOADS[12], "reward": 0.5, "tokens": 3}
    (done / "stages/grpo/completions").mkdir()
    (done / "stages/grpo/completions/rollout-00000000.jsonl").write_text(json.dumps(completion) + "\n")
    put_run(root / YOUNG, {"sft": {}, "dpo": {"kind": "dpo"}})
    young = root / YOUNG / "stages"
    (young / "sft/stage.json").unlink()
    (young / "sft/metrics.jsonl").unlink()
    for path in (young / "dpo").iterdir():
        path.unlink()
    (young / "dpo").rmdir()
    return root


@pytest.fixture(scope="module")
def app(root: Path) -> Iterator[str]:
    """The owner's sign-up link; the owner has signed up."""
    models = LoadedModels(loaded)
    with serving(str(root.parent / "people.db"), [runs_section(root, models)]) as link:
        answer = httpx2.post(link, data={"name": "owen", "password": PASSWORD})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/runs"
        yield link.partition("/join/")[0]


@contextmanager
def page_of(browser: Browser, url: str, *, width: int = 1200, dark: bool = False) -> Generator[Page]:
    """A page of a person who has signed in; no error, dialog or foreign request may happen on it."""
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    page, seen = context.new_page(), []
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("console", lambda message: seen.append(message.text))
    page.on("request", lambda request: request.url.startswith(url) or seen.append(request.url))
    page.goto("/login")
    page.get_by_label("Name").fill("owen")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/runs")
    yield page
    context.close()
    assert seen == []


@contextmanager
def working(folder: Path) -> Generator[LiveFiles]:
    """The lock and the files of a run at work."""
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield LiveFiles(folder)
    finally:
        os.close(handle)


@contextmanager
def client_of(url: str) -> Generator[httpx2.Client]:
    with httpx2.Client(base_url=url, timeout=60) as client:
        answer = client.post("/api/v1/sessions", json={"name": "owen", "password": PASSWORD})
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        yield client


def question(**more: object) -> dict[str, object]:
    return {"run": "done", "model": "sft", "prompt": "Hello", "max_tokens": 12, **more}


def answer_of(response: httpx2.Response) -> str:
    return "".join(json.loads(line).get("text", "") for line in response.text.splitlines())


def test_the_list_shows_each_run_with_its_verdict_and_which_one_is_at_work(
    browser: Browser, app: str, root: Path
) -> None:
    with working(root / YOUNG), page_of(browser, app) as page:
        cards = page.locator(".runs li")
        expect(cards).to_have_count(2)
        expect(cards.filter(has_text=YOUNG)).to_contain_text("at work")
        finished = page.locator(".runs li", has=page.get_by_role("link", name="done", exact=True))
        expect(finished).to_contain_text("3 of 3 stages done")
        expect(finished).not_to_contain_text("at work")
        expect(page.get_by_role("navigation")).to_contain_text("Projects")  # the ranking app is beside it


def test_a_run_at_work_is_followed_without_a_reload(browser: Browser, app: str, root: Path) -> None:
    young = root / YOUNG
    with working(young) as files, page_of(browser, app) as page:
        page.goto(f"/runs/live/{quote(YOUNG)}")
        expect(page.locator("#live")).to_contain_text("Stage sft (sft)")
        expect(page.locator("#live svg")).to_have_count(0)
        loads: list[str] = []
        page.on("load", lambda _: loads.append("again"))
        with files.bar("training", 40) as advance:
            advance(5, "")
            time.sleep(1.1)
            advance(10, "loss 0.5000")
            files.line("alarm: completions have 300 tokens on average")
            rows = [{"step": n, "loss": 3 / n, "split": "train", "num_tokens": 9, "time": "2026"} for n in (1, 2, 3)]
            (young / "stages/sft/metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            expect(page.locator("#live")).to_contain_text("training: 10 of 40", timeout=10_000)
            expect(page.locator("#live")).to_contain_text("left")
            expect(page.locator("#live")).to_contain_text("loss 0.5000")
            expect(page.locator(".alarms")).to_contain_text("Alarm: completions have 300 tokens on average")
            expect(page.locator("#live svg")).to_have_count(1)
        put_stage(young / "stages/sft")
        expect(page.get_by_role("table")).to_contain_text("done", timeout=10_000)
        assert loads == []
    (young / "stages/sft/stage.json").unlink()


def test_four_models_answer_side_by_side_with_their_differences_marked(browser: Browser, app: str) -> None:
    with page_of(browser, app) as page:
        page.goto("/runs/compare/done")
        expect(page.locator("[name=model]:checked")).to_have_count(4)
        page.get_by_label("Prompt").fill("Hello")
        page.get_by_text("Settings").click()
        page.get_by_label("Tokens, at most").fill("12")
        page.get_by_role("button", name="Answer").click()
        expect(page.locator("#status")).to_have_text("Done.", timeout=60_000)
        assert page.locator("#answers h2").all_inner_texts() == ["base", *STAGES]
        texts = page.locator("#answers .text").all_inner_texts()
        assert all(texts)
        assert len(set(texts)) > 1
        expect(page.locator("#answers ins").first).to_be_visible()


def test_an_answer_on_the_page_is_the_models_own(app: str, root: Path) -> None:
    from posttrain import load

    model = load(str(root / "done/stages/sft/model"), precision="float32")
    expected = model.generate(["Hello"], max_new_tokens=12, temperature=0)[0][0]
    with client_of(app) as client:
        answer = client.post("/api/v1/runs/answers", json=question())
        assert answer_of(answer) == expected
        assert json.loads(answer.text.splitlines()[-1]) == {"end": "length"}
        drawn = [answer_of(client.post("/api/v1/runs/answers", json=question(temperature=1.0, seed=s))) for s in (1, 1)]
        assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"run": "../people.db"}, 404),
        ({"run": ".."}, 404),
        ({"run": ""}, 404),
        ({"model": "nobody"}, 404),
        ({"prompt": ""}, 422),
        ({"prompt": "word " * 600}, 422),
        ({"max_tokens": 0}, 422),
        ({"temperature": -1}, 422),
        ({"more": 1}, 422),
    ],
)
def test_a_wrong_question_is_refused_with_a_reason(app: str, wrong: dict[str, object], status: int) -> None:
    with client_of(app) as client:
        answer = client.post("/api/v1/runs/answers", json=question(**wrong))
        assert answer.status_code == status
        assert answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/runs/live/%2e%2e", "/runs/live/%2e%2e/people.db", "/runs/report/none", "/runs/live//"]
)
def test_no_file_outside_the_folder_of_runs_has_a_page(app: str, path: str) -> None:
    with client_of(app) as client:
        assert client.get(path).status_code == 404


def test_annotators_see_no_run_so_that_they_stay_blind(app: str) -> None:
    with client_of(app) as owner:
        link = owner.post("/api/v1/invitations", json={"role": "annotator"}).json()["path"]
    with httpx2.Client(base_url=app) as client:
        joined = client.post(link, data={"name": "ann", "password": PASSWORD})
        assert joined.headers["location"] == "/"
        for path in ("/runs", "/runs/live/done", "/runs/compare/done", "/runs/report/done"):
            assert client.get(path).status_code == 403
        assert "/runs" not in client.get("/").text
        csrf = client.post("/api/v1/sessions", json={"name": "ann", "password": PASSWORD}).json()["csrf_token"]
        answer = client.post("/api/v1/runs/answers", json=question(), headers={"X-CSRF-Token": csrf})
        assert answer.status_code == 403


def test_without_a_session_or_its_token_nothing_is_shown_and_nothing_answers(app: str) -> None:
    for path in ("/runs", "/runs/live/done", "/runs/compare/done", "/runs/report/done"):
        assert httpx2.get(f"{app}{path}").headers["location"] == "/login"
    assert httpx2.post(f"{app}/api/v1/runs/answers", json=question()).status_code == 401
    with client_of(app) as client:
        del client.headers["X-CSRF-Token"]
        assert client.post("/api/v1/runs/answers", json=question()).status_code == 403


def test_texts_of_models_never_run(browser: Browser, app: str) -> None:
    with page_of(browser, app) as page:
        page.goto("/runs/live/done")
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        shown = page.locator("#live").inner_text()
        assert PAYLOADS[10] in shown
        assert PAYLOADS[12] in shown


def test_the_report_is_there_while_the_run_is(browser: Browser, app: str) -> None:
    with page_of(browser, app) as page:
        page.goto("/runs/report/done")
        expect(page.get_by_role("heading", name="Training report: done")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none"


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (390, False), (390, True)])
def test_every_page_fits_its_screen_and_can_be_read_by_everybody(
    browser: Browser, app: str, root: Path, width: int, dark: bool
) -> None:
    with working(root / YOUNG), page_of(browser, app, width=width, dark=dark) as page:
        for path in ("/runs", "/runs/live/done", f"/runs/live/{quote(YOUNG)}", "/runs/compare/done"):
            page.goto(path)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            found = Axe().run(page).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.fixture
def places(root: Path, tmp_path: Path) -> list[str]:
    """Folders of models, one more than are kept in memory."""
    for number in range(MOST + 1):
        (tmp_path / str(number)).symlink_to(root / "done/stages/sft/model")
    return [str(tmp_path / str(number)) for number in range(MOST + 1)]


def test_the_model_that_has_not_answered_for_the_longest_time_makes_room(places: list[str]) -> None:
    opened: list[str] = []

    def open_one(name: str, place: str) -> ServedModel:
        opened.append(place)
        return loaded(name, place)

    models = LoadedModels(open_one)
    for place in (*places, places[-1], places[0]):
        models.release(models.take("sft", place))
    assert opened == [*places, places[0]]


def test_a_model_that_answers_is_never_freed_and_no_more_than_the_most_are_loaded(places: list[str]) -> None:
    models = LoadedModels(loaded)
    taken = [models.take("sft", place) for place in places[:MOST]]
    with pytest.raises(ModelsBusy, match="try again later"):
        models.take("sft", places[MOST])
    models.release(taken[1])
    models.take("sft", places[MOST])
    assert [model.requests.engine.alive for model in taken] == [True, False, True, True]


def test_a_folder_with_another_model_and_a_dead_engine_are_loaded_again(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "model"
    shutil.copytree(root / "done/stages/sft/model", place)
    models = LoadedModels(loaded)
    first = models.take("sft", str(place))
    models.release(first)
    place.rename(tmp_path / "earlier")
    shutil.copytree(root / "done/stages/dpo/model", place)
    second = models.take("sft", str(place))
    assert second is not first
    assert not first.requests.engine.alive
    second.requests.engine.close()
    assert models.take("sft", str(place)).requests.engine.alive


def test_too_many_answers_of_a_model_are_refused(places: list[str]) -> None:
    models = LoadedModels(loaded)
    for _ in range(WAITING):
        models.take("sft", places[0])
    with pytest.raises(ModelsBusy, match=f"{WAITING} answers"):
        models.take("sft", places[0])


def test_an_answer_that_nobody_reads_to_its_end_frees_its_model(app: str, root: Path) -> None:
    with client_of(app) as client:
        for _ in range(WAITING + 1):
            with client.stream("POST", "/api/v1/runs/answers", json=question(max_tokens=400)) as answer:
                assert answer.status_code == 200
                next(answer.iter_lines())


def test_a_run_whose_manifest_is_broken_breaks_no_other_page(app: str, root: Path) -> None:
    broken = root / "broken"
    (broken / "stages").mkdir(parents=True)
    (broken / "manifest.json").write_text("{")
    try:
        with client_of(app) as client:
            assert client.get("/runs").status_code == 200
            for page in ("live", "compare", "report"):
                answer = client.get(f"/runs/{page}/broken")
                assert answer.status_code == 404
                assert "manifest.json" in answer.text
            assert client.post("/api/v1/runs/answers", json=question(run="broken")).status_code == 422
    finally:
        shutil.rmtree(broken)
