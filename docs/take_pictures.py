"""Takes the pictures of the pages for the README: `python docs/take_pictures.py RUN PROMPT`. It needs Chromium.

RUN is the folder of a finished run with answers before and after its stages, such as `posttrain demo --real` leaves.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from posttrain.annotate.serve import serving
from posttrain.cli.serve_work import model_opener
from posttrain.report.run_list import run_in
from posttrain.serve.served import ServedModel, served_models
from posttrain.ui.loaded_models import LoadedModels
from posttrain.ui.section import runs_section

PICTURES = Path(__file__).parent / "pictures"
SIZE = (1100, 760)
PASSWORD = "a password for pictures"
PLACE = {"device": "auto", "precision": "auto", "trust_remote_code": False}


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


def signed_in(browser: Browser, url: str) -> BrowserContext:
    """A browser window of the owner."""
    context = browser.new_context(base_url=url, viewport={"width": SIZE[0], "height": SIZE[1]})
    answer = context.request.post("/api/v1/sessions", data={"name": "owner", "password": PASSWORD})
    context.set_extra_http_headers({"X-CSRF-Token": answer.json()["csrf_token"]})
    return context


def main(arguments: Sequence[str]) -> None:
    """Serve the run, and take the four pictures."""
    if len(arguments) != 2 or (run := run_in(Path(arguments[0]))) is None:
        sys.exit("usage: python docs/take_pictures.py RUN PROMPT")
    prompt = arguments[1]
    opened = model_opener(None, PLACE)

    def loaded(name: str, place: str) -> ServedModel:
        return served_models({name: place}, opened, None)[name]

    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        section = runs_section(run.parent, LoadedModels(loaded))
        with serving(str(Path(folder) / "people.db"), [section]) as link:
            url, _, _ = link.partition("/join/")
            httpx2.post(link, data={"name": "owner", "password": PASSWORD})
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            context = signed_in(browser, url)
            page = context.new_page()
            page.goto(f"/runs/live/{run.name}")
            page.screenshot(path=PICTURES / "run.png")
            page.goto(f"/runs/report/{run.name}")
            page.screenshot(path=PICTURES / "report.png")
            page.goto(f"/runs/compare/{run.name}")
            page.get_by_label("Prompt").fill(prompt)
            page.get_by_role("button", name="Answer").click()
            expect(page.locator("#status")).to_have_text("Done.", timeout=300_000)
            page.screenshot(path=PICTURES / "compare.png")
            project = context.request.post("/api/v1/projects", data={"name": "Replies"}).json()["id"]
            lines = "".join(json.dumps(row) + "\n" for row in rows_to_rank(run))
            context.request.post(f"/api/v1/projects/{project}/imports", data=lines.encode())
            page.goto(f"/projects/{project}/rank")
            page.wait_for_selector(".candidate")
            page.screenshot(path=PICTURES / "rank.png")
            browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
