"""The page in a real browser: whole without a network or scripts, readable everywhere, whatever the model writes."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from command_line import Posttrain
from posttrain.evaluate.sample import Sample
from posttrain.report.wording import gate_text
from posttrain.report.write import write_run_report
from run_folders import SUITE, gate, put, put_results, put_run, put_stage, samples_of, unpack_old_run
from xss_payloads import PAYLOADS


@pytest.fixture(scope="module")
def old_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run_report(unpack_old_run(tmp_path_factory.mktemp("old") / "demo"))


def full_run(folder: Path, stages: int = 3, questions: int = 40) -> Path:
    """A run with every part of the page: gates, an audit, rankings, suites with gains and losses, peak memory."""
    chain = {f"stage{n}": {"kind": "grpo", "model": f"stage{n - 1}" if n else None} for n in range(stages)}
    put_run(folder, {"check": {"kind": "audit"}, "people": {"kind": "rank"}, **chain}, {"facts": SUITE})
    finding = {"severity": "block", "count": 2, "what": "rows are secret", "fix": "remove them", "rows": ["a.jsonl:1"]}
    findings = [{"name": "secret", **finding}, {"name": "short", **finding, "severity": "warn"}]
    put(
        folder / "stages/check/findings.json",
        {"files": {"a.jsonl": {}}, "rows": 9, "waived": ["secret"], "findings": findings},
    )
    alpha = {"before": None, "after": 0.7, "n": 30, "interval": [0.5, 0.9], "unit": "value", "of": "items"}
    rows = {**alpha, "after": 25.0, "interval": None, "unit": "count"}
    put_stage(folder / "stages/people", figures={"rank/krippendorff_alpha": alpha, "rank/rows": rows})
    put_results(folder / "base", {"facts": samples_of([0.0, 1.0] * (questions // 2))})
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    for n in range(stages):
        values = [1.0 if (q + n) % 5 else 0.0 for q in range(questions)]
        answers = [f"{' '.join(words[n % 7 :])} {q} and {value}" * 20 for q, value in enumerate(values)]
        put_results(folder / f"stages/stage{n}", {"facts": samples_of(values, answers=answers)})
        put_stage(folder / f"stages/stage{n}", peak_memory_bytes=2 * 2**30)
        log = folder / f"stages/stage{n}/metrics.jsonl"
        rewards = ", ".join(f'"rewards/part {k}/mean": {k}.5' for k in range(6))
        line = '{"step": %d, "loss": 0.1, "kl": 0.2, "entropy": 1.5, %s, "split": "train", "num_tokens": 9}\n'
        log.write_text("".join(line % (step, rewards) for step in range(1, 2001)))
    waiver = {"by": "A. Person", "reason": "known"}
    put(
        folder / "gates.json",
        {"gates": [gate("facts >= 0.9", "pass"), gate("tone", "fail", waiver=waiver), gate("x", "fail")]},
    )
    return folder


def opened(
    browser: Browser, path: Path, *, width: int = 1200, dark: bool = False, print_: bool = False
) -> tuple[Page, list[str]]:
    """The page with all of it unfolded, and what must not happen: requests, dialogs, messages on the console."""
    scheme = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=True
    )
    page, seen = context.new_page(), []
    page.on("request", lambda request: seen.append(request.url))
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    if print_:
        page.emulate_media(media="print")
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert seen.pop(0) == path.as_uri()
    return page, seen


@pytest.mark.parametrize(
    ("width", "dark", "print_"),
    [(1200, False, False), (1200, True, False), (390, False, False), (390, True, False), (794, False, True)],
)
@pytest.mark.parametrize("new", [False, True])
def test_the_page_fits_its_screen_and_can_be_read_by_everybody(
    browser: Browser, old_page: Path, tmp_path: Path, width: int, dark: bool, print_: bool, new: bool
) -> None:
    path = write_run_report(full_run(tmp_path / "run")) if new else old_page
    page, seen = opened(browser, path, width=width, dark=dark, print_=print_)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    headings = page.locator("h2").all_inner_texts()
    assert len(headings) == 10
    for svg in page.locator("svg").all():
        assert svg.get_attribute("aria-label")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    page.wait_for_timeout(50)
    assert seen == []
    page.context.close()


def test_the_page_is_well_formed_and_loads_nothing(old_page: Path, tmp_path: Path) -> None:
    for path in (old_page, write_run_report(full_run(tmp_path / "run"))):
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert {one.tag for one in root.iter()}.isdisjoint(
            {"script", "img", "link", "iframe", "object", "base", "form"}
        )
        attributes = {name: value for one in root.iter() for name, value in one.attrib.items()}
        assert not {name for name in attributes if name.startswith("on") or name == "src"}
        links = [one.attrib["href"] for one in root.iter() if "href" in one.attrib]
        ids = {one.attrib["id"] for one in root.iter() if "id" in one.attrib}
        assert {link.removeprefix("#") for link in links} <= ids
        assert "default-src 'none'; style-src 'unsafe-inline'" in text
        assert not re.search(r"@import|url\(|https?:", text)


def test_model_text_is_displayed_and_never_executed(browser: Browser, tmp_path: Path) -> None:
    folder = put_run(tmp_path / "<img src=x onerror=alert(1)>", {"sft": {}}, {"facts": SUITE})
    turns = {"loss": (1.0, 0.0), "gain": (0.0, 1.0), "undecided": (1.0, 1.0)}
    for start in range(0, len(PAYLOADS), 2):
        pair = PAYLOADS[start : start + 2]
        for number, model in enumerate(("base", "stages/sft")):
            samples = [
                Sample(
                    f"{turn} {n}", 0, payload, None, payload, payload, payload + str(number), {"match": scores[number]}
                )
                for turn, scores in turns.items()
                for n, payload in enumerate(pair)
            ]
            put_results(folder / model, {"facts": samples})
        put(folder / "gates.json", {"gates": [gate(pair[0], "fail", stage=pair[-1])]})
        put_stage(folder / "stages/sft", figures={pair[0]: {"before": None, "after": 1.0, "n": 2, "of": pair[-1]}})
        path = write_run_report(folder, file=tmp_path / "page.html")
        ElementTree.fromstring(path.read_text(encoding="utf-8"))
        page, seen = opened(browser, path)
        assert page.locator("script, iframe, img, object, embed, link, base, form, input").count() == 0
        shown = re.sub(r"\s+", " ", page.inner_text("main"))
        for payload in pair:
            assert re.sub(r"\s+", " ", payload) in shown
        assert seen == []
        page.context.close()


def test_odd_characters_leave_the_page_whole(tmp_path: Path) -> None:
    folder = put_run(tmp_path / "run", {"sft": {}}, {"facts": SUITE})
    text = "nul \x00 bell \x07 half \ud800 arabic \u202e end"
    row = json.dumps(asdict(Sample("1", 0, None, None, text, text, text, {"match": 1.0})))
    for model in ("base", "stages/sft"):
        put_results(folder / model, {"facts": samples_of([1.0])})
        (folder / model / "behaviour/samples_facts.jsonl").write_text(row + "\n")
    page = write_run_report(folder).read_text(encoding="utf-8")
    ElementTree.fromstring(page)
    assert "half" in page


def test_the_page_of_ten_stages_is_under_three_megabytes(tmp_path: Path) -> None:
    page = write_run_report(full_run(tmp_path / "run", stages=10, questions=400))
    assert page.stat().st_size < 3_000_000
    text = page.read_text(encoding="utf-8")
    assert "394 more in" in text
    assert "stages/stage9/behaviour/samples_facts.jsonl" in text


def test_every_part_of_a_run_is_on_the_page(tmp_path: Path) -> None:
    text = write_run_report(full_run(tmp_path / "run")).read_text(encoding="utf-8")
    for part in (
        "Stopped: 1 gate failed: x (stage sft).",
        "Waived: tone (stage sft) by A. Person.",
        "waived in the recipe",
        "People agree well enough for tentative conclusions.",
        "2.00 GiB",
        "Distance from the start model (KL)",
        "Krippendorff",
    ):
        assert part in text, part


def test_the_page_is_the_same_each_time(tmp_path: Path) -> None:
    run = full_run(tmp_path / "run")
    assert write_run_report(run).read_bytes() == write_run_report(run).read_bytes()


def test_the_command_writes_the_page_and_names_it(tmp_path: Path, posttrain: Posttrain) -> None:
    run, other = full_run(tmp_path / "run"), full_run(tmp_path / "other", stages=4)
    assert posttrain("report", str(run)).out.strip() == str(run / "report.html")
    answer = posttrain("report", str(run), "--compare", str(other), "--out", str(tmp_path / "both.html"))
    assert answer.code == 0, answer.err
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    assert "This run beside other" in text
    assert "shared results, this run is" in text
    wrong = posttrain("report", str(tmp_path / "nowhere"))
    assert wrong.code == 2
    assert wrong.err.startswith("error: ")
    assert "Traceback" not in wrong.err


def test_the_report_imports_no_torch() -> None:
    code = "import sys, posttrain.report.write, posttrain.report.card; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_first_sentence_names_the_slice_of_a_gate_for_each_slice() -> None:
    gate = {"stage": "reward", "gate": "pairs[*] >= 0.5", "key": "pairs[Lunaveer]"}
    assert gate_text(gate) == "pairs[Lunaveer] >= 0.5"
    assert gate_text({"gate": "facts >= 0.9", "key": "facts"}) == "facts >= 0.9"
