"""`make docs` builds the site without a warning, and its pages ask no other server for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from doc_blocks import PAGES, ROOT

LOADED = re.compile(r"""<(?:script|img|iframe)[^>]+src=["']?(https?:[^"' >]+)|<link[^>]+href=["']?(https?:[^"' >]+)""")
"""What a browser loads when it opens a page, from another server."""

LIST_IN_PARAGRAPH = re.compile(r"<p>[^<]*\n(?:- |\d+\. )")
"""A list that Markdown took for text, because no empty line is before it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # the theme advertises its successor
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_the_site_has_every_page_and_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in PAGES:
        html = (site / f"{page.stem}.html").read_text(encoding="utf-8")
        assert LOADED.findall(html) == [], page.name
        assert LIST_IN_PARAGRAPH.findall(html) == [], page.name


def test_the_python_api_has_the_docstrings(site: Path) -> None:
    html = (site / "api.html").read_text(encoding="utf-8")
    assert "pt.evaluate" in html
    assert html.count("doc-heading") > 35
