"""The pages that come from the code are those that the code gives, and the site has every page and every name."""

import runpy
from typing import Any

import pytest
import yaml

import posttrain as pt
from doc_blocks import PAGES, ROOT

GENERATED = runpy.run_path(str(ROOT / "docs/generate.py"))["PAGES"]


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert GENERATED[name]() == text, "write it again: python docs/generate.py"


def test_the_page_of_the_python_api_names_every_public_name() -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert [name for name in pt.__all__ if f"heading: pt.{name}\n" not in page] == []


def test_the_navigation_has_every_page_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = list(leaves(yaml.load(text, yaml.BaseLoader)["nav"]))
    assert sorted(pages) == sorted(page.name for page in PAGES)


def leaves(nav: Any) -> list[str]:
    """The files of a navigation."""
    if isinstance(nav, str):
        return [nav]
    return [leaf for item in (nav.values() if isinstance(nav, dict) else nav) for leaf in leaves(item)]


def test_the_page_of_the_tree_names_every_folder() -> None:
    page = (ROOT / "docs/tree.md").read_text(encoding="utf-8")
    folders = [path.parent.name for path in (ROOT / "src/posttrain").glob("*/__init__.py")]
    assert [name for name in folders if f"\n  {name}/ " not in page] == []
