"""Every relative link of the README and of the documentation leads somewhere, on the site and in the repository."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

from doc_blocks import PAGES, ROOT

DOCS = ROOT / "docs"
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


def links_of(page: Path) -> list[str]:
    """The relative targets of a page's links, outside its blocks and its code."""
    text = re.sub(r"`[^`\n]*`(?!\])", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    return [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    count: Counter[str] = Counter()
    anchors: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        anchors.add(f"{anchor}-{count[anchor]}" if count[anchor] else anchor)
        count[anchor] += 1
    return frozenset(anchors)


def problem_of(page: Path, target: str) -> str | None:
    """What is wrong with a link; None if it leads somewhere."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return "there is no such file"
    if page.parent == DOCS and not file.is_relative_to(DOCS):
        return "the file is outside docs/, so the site does not have it; name it without a link"
    if anchor and (file.suffix != ".md" or anchor not in anchors_of(file)):
        return "there is no such heading"
    return None


def test_every_relative_link_leads_somewhere() -> None:
    links = [
        (page, target) for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES) for target in links_of(page)
    ]
    assert len(links) > 150
    assert [f"{page.name}: {link}: {why}" for page, link in links if (why := problem_of(page, link))] == []


def test_a_wrong_file_and_a_wrong_heading_are_problems() -> None:
    assert problem_of(DOCS / "runs.md", "nowhere.md") == "there is no such file"
    assert problem_of(DOCS / "runs.md", "gates.md#nowhere") == "there is no such heading"
    assert problem_of(DOCS / "runs.md", "#exit-codes") is None
