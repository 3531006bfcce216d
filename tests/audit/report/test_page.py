"""The report as a page in a real browser: whole without a network, without scripts, whatever the rows say."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from audits import Write, look
from planted import planted
from posttrain.audit.report.write import write_report
from xss_payloads import PAYLOADS


def opened(browser: Browser, report: Path, *, width: int = 1200, dark: bool = False) -> tuple[Page, list[str]]:
    """The page, all of it unfolded, and the requests it made besides its own file, or dialogs it showed."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        bypass_csp=True,
        offline=True,
    )
    page = context.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.goto(report.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert seen.pop(0) == report.as_uri()
    return page, seen


def test_markup_in_rows_is_displayed_and_never_executed(browser: Browser, write: Write, tmp_path: Path) -> None:
    rows = [{"prompt": payload, "completion": payload} for payload in PAYLOADS]  # echoes: each is an example
    rows += [{"prompt": f"Say {n}", "completion": f"<img src=x onerror=alert(1)> As an AI {n}"} for n in range(9)]
    write_report(look(write("<b onclick=alert(1)>.jsonl", rows)), tmp_path / "out", {})
    page, seen = opened(browser, tmp_path / "out/report.html")
    text = page.inner_text("main")
    assert "As an AI" in text or "<img src=x" in text
    assert "<b onclick=alert(1)>.jsonl" in text
    assert page.locator("script, iframe, img, object, embed, link, base, form").count() == 0
    attributes = page.evaluate("[...document.querySelectorAll('main *')].flatMap(e => e.getAttributeNames())")
    assert set(attributes) <= {"class", "title", "style", "open", "tabindex", *SVG}, (
        "an attribute that no template wrote"
    )
    page.mouse.click(300, 300)
    page.wait_for_timeout(100)
    assert seen == []
    page.context.close()


SVG = {"viewBox", "preserveAspectRatio", "role", "aria-label", "x", "y", "width", "height", "x1", "x2", "y1", "y2"}


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (390, False)])
def test_the_page_fits_its_screen_and_can_be_read(
    browser: Browser, write: Write, tmp_path: Path, width: int, dark: bool
) -> None:
    report = look(write("train.jsonl", planted(rows=1200, faults=400, seed=1).rows))
    write_report(report, tmp_path / "out", {"secret": "a key of the test server"})
    page, seen = opened(browser, tmp_path / "out/report.html", width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("details").count() == len(report.findings)
    for one in report.findings:
        assert one.what in page.inner_text("main")
    assert "waived" in page.locator("summary", has_text="secret").inner_text().lower()
    assert seen == []
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
    assert found.violations_count == 0, found.generate_report()
    page.context.close()


def test_the_page_forbids_scripts_and_requests_to_other_hosts(write: Write, tmp_path: Path) -> None:
    write_report(look(write("train.jsonl", [{"prompt": "Say", "completion": "It."}])), tmp_path / "out", {})
    text = (tmp_path / "out/report.html").read_text()
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert "http:" not in text
    assert "https:" not in text
