"""Takes the pictures of all pages: `python docs/take_pictures.py RUN PROMPT DATA`. It needs Chromium.

RUN is the folder of a finished run with answers before and after its stages, such as `posttrain demo --real` leaves.
PROMPT is what the page that compares models asks. DATA is a file of training rows, whose audit is displayed.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from posttrain.annotate.serve import serving
from posttrain.cli.serve_work import model_opener
from posttrain.report.run_list import run_in
from posttrain.serve.served import ServedModel, served_models
from posttrain.ui.loaded_models import LoadedModels
from posttrain.ui.section import runs_section

PICTURES = Path(__file__).parent / "pictures"
SIZE = {"width": 1100, "height": 760}
COLOURS = 128
PASSWORD = "a password for pictures"
PLACE = {"device": "auto", "precision": "auto", "trust_remote_code": False}
CSRF = "X-CSRF-Token"
CRITERION = "It is complete"


def rows_to_rank(run: Path) -> list[dict[str, object]]:
    """Two answers to each of a few prompts: those before and after a stage."""
    samples = [one for path in run.glob("stages/*/samples.json") for one in json.loads(path.read_text("utf-8"))]
    return [
        {
            "prompt": one["prompt"],
            "candidates": [{"id": name, "text": one[name], "model": name} for name in ("before", "after")],
        }
        for one in samples
        if one["before"] and one["after"] and one["before"] != one["after"]
    ]


@contextmanager
def app(run: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Serve the pages of the run and those for ranking; gives the address, and the link with which the owner joins."""
    opened = model_opener(None, PLACE)

    def loaded(name: str, place: str) -> ServedModel:
        return served_models({name: place}, opened, None)[name]

    section = runs_section(run.parent, LoadedModels(loaded))
    with serving(str(folder / "people.db"), [section]) as link:
        yield link.partition("/join/")[0], link


def signed_in(browser: Browser, url: str, name: str) -> BrowserContext:
    """A browser window of a person."""
    context = browser.new_context(base_url=url, viewport=SIZE)
    answer = context.request.post("/api/v1/sessions", data={"name": name, "password": PASSWORD})
    context.set_extra_http_headers({CSRF: answer.json()["csrf_token"]})
    return context


def take(page: Page, name: str, address: str = "") -> None:
    """Take the picture of a page, with few colours, so that the file is small."""
    if address:
        page.goto(address)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


def make_project(owner: BrowserContext, rows: Sequence[dict[str, object]]) -> int:
    """A project in which two people rank every item."""
    settings = {"overlap": 2, "gold_every": 0, "criteria": [CRITERION]}
    project = owner.request.post("/api/v1/projects", data={"name": "Replies", "settings": settings}).json()["id"]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    owner.request.post(f"/api/v1/projects/{project}/imports", data=lines.encode())
    return project


def rank_by_length(browser: Browser, owner: BrowserContext, url: str, project: int, number: int, most: int) -> None:
    """An annotator joins, and ranks the shorter answer first until `most` items are ranked; the second errs once."""
    name = f"annotator {number}"
    joined = owner.request.post("/api/v1/invitations", data={"role": "annotator"}).json()["path"]
    httpx2.post(url + joined, data={"name": name, "password": PASSWORD})
    person = signed_in(browser, url, name)
    for item in range(most):
        held = person.request.post(f"/api/v1/projects/{project}/assignments")
        if held.status != 200:
            break
        lengths = [len(one["text"]) for one in held.json()["candidates"]]
        best = max(lengths) if number == 2 and item == 1 else min(lengths)
        ranks = [1 if length == best else 2 for length in lengths]
        judged = {"ranks": ranks, "criteria": {CRITERION: [ranks.index(1)]}}
        answer = person.request.post(f"/api/v1/assignments/{held.json()['id']}/judgments", data=judged)
        assert answer.ok, answer.text()
    person.close()


def pages_for_ranking(browser: Browser, owner: BrowserContext, url: str, run: Path) -> None:
    """The pages of the ranking app."""
    rows = rows_to_rank(run)
    project = make_project(owner, rows)
    rank_by_length(browser, owner, url, project, 1, len(rows) - 2)
    rank_by_length(browser, owner, url, project, 2, len(rows) - 2)
    page = owner.new_page()
    take(page, "projects", "/")
    page.goto(f"/projects/{project}/rank")
    page.wait_for_selector(".candidate")
    take(page, "rank")
    for name in ("dashboard", "items", "settings", "export"):
        take(page, name, f"/projects/{project}" + ("" if name == "dashboard" else f"/{name}"))
    take(page, "item", f"/projects/{project}/items/1")
    take(page, "people", "/people")
    take(page, "api", "/api")


def pages_of_runs(owner: BrowserContext, run: Path, prompt: str) -> None:
    """The pages of `posttrain ui`."""
    page = owner.new_page()
    take(page, "runs", "/runs")
    take(page, "run", f"/runs/live/{run.name}")
    take(page, "report", f"/runs/report/{run.name}")
    page.goto(f"/runs/compare/{run.name}")
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("#status")).to_have_text("Done.", timeout=300_000)
    take(page, "compare")


def page_of_audit(browser: Browser, data: Path, folder: Path) -> None:
    """The page of `posttrain audit`."""
    command = [sys.executable, "-m", "posttrain", "audit", str(data), "--out", str(folder / "audit")]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (page,) = (folder / "audit").rglob("*.html")
    take(browser.new_page(viewport=SIZE), "audit", page.as_uri())


def main(arguments: Sequence[str]) -> None:
    """Serve the run, and take the pictures."""
    if len(arguments) != 3 or (run := run_in(Path(arguments[0]))) is None:
        sys.exit("usage: python docs/take_pictures.py RUN PROMPT DATA")
    with TemporaryDirectory() as folder, sync_playwright() as playwright, app(run, Path(folder)) as (url, link):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take(browser.new_page(viewport=SIZE), "join", link)
        httpx2.post(link, data={"name": "owner", "password": PASSWORD})
        take(browser.new_page(viewport=SIZE), "sign-in", f"{url}/login")
        owner = signed_in(browser, url, "owner")
        pages_for_ranking(browser, owner, url, run)
        pages_of_runs(owner, run, arguments[1])
        page_of_audit(browser, Path(arguments[2]), Path(folder))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
