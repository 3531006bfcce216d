"""Fixtures every test may use: where the real data lies, what must not be skipped, the same precision everywhere."""

import gc
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import hypothesis
import pytest

from absences import absent
from command_line import Answer, Posttrain
from posttrain.cli import main as cli

if TYPE_CHECKING:
    from playwright.sync_api import Browser


hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# trackio reads its folder's name once, when it is imported, and peft imports it through accelerate.
_TRACKIO_STORE = TemporaryDirectory(prefix="trackio-")
os.environ["TRACKIO_DIR"] = _TRACKIO_STORE.name

LONGEST_FIRST = (
    "test_demo.py",
    "test_ranks_stopped.py",
    "test_real.py",
    "test_ranks.py",
    "test_saved_models.py",
    "test_stories.py",
    "test_recipes.py",
    "test_vllm_server.py",
    "test_pages_run.py",
)
"""Files that begin first, so that no worker is left with them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by their files' length, as far as it matters."""
    items.sort(key=lambda item: LONGEST_FIRST.index(item.path.name) if item.path.name in LONGEST_FIRST else 99)


def pytest_collection_finish() -> None:
    """Take what the imports made out of the garbage collector's sight: every search of it would take half a second."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with a line for each reason why tests were skipped: what this machine lacks."""
    skipped: list[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session", autouse=True)
def same_precision_everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own that says bfloat16 is no faster here: `precision: auto` is then float32 on any machine,
    and exact figures hold. Tests of bfloat16 ask for it."""
    from posttrain.policy.device import machine

    folder = tmp_path_factory.mktemp("cache")
    (folder / "matmul.json").write_text(json.dumps({machine(): {"float32": 1.0, "bfloat16": 1.0}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTTRAIN_CACHE", str(folder))
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets and small real models, named by POSTTRAIN_TEST_DATA."""
    folder = os.environ.get("POSTTRAIN_TEST_DATA")
    if not folder:
        absent("POSTTRAIN_TEST_DATA is not set: it names the folder of real data")
    path = Path(str(folder))
    if not path.is_dir():
        absent(f"POSTTRAIN_TEST_DATA names {path}, which is no folder")
    return path.resolve()


@pytest.fixture
def posttrain(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Posttrain:
    """Call the command line in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["posttrain", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return Answer(code, shown.out, shown.err)

    return call


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A real Chromium."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        absent("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
