"""Markdown: texts that differ look different, have the direction of their script, and none takes long."""

import html
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from annotating import START, item, team
from posttrain.annotate.db import store
from posttrain.annotate.db.store import open_store, writing
from posttrain.annotate.people.credentials import new_token
from posttrain.annotate.web import assignment_view
from posttrain.annotate.web.app import make_app
from posttrain.annotate.web.markdown import MAX_BRACKETS, MAX_CELLS, MAX_CHARACTERS, render_markdown
from posttrain.annotate.work.projects import Item


def seen(text: str) -> str:
    """What a person reads, line by line."""
    made = render_markdown(text)
    assert made is not None
    return html.unescape(re.sub(r"<[^>]*>", "", made.replace("<br />\n", "\n"))).strip()


@pytest.mark.parametrize(
    "text",
    [
        r"\(a\) and \[x_1 \cdot y_1\]",
        r"\[a\](b)",
        r"\(\{1, 2\}\), \[a \\ b\, c\] and $$\%$$",
        "\\[\na_{1}*b_{2}*c\n\\]",
        r"$\hat{y}_i = w_{ij}$ and $x^{*}_1 * y^{*}_2$",
        "an open \\( or $$ is kept",
        "2**3**2 = 512, a*b*c",
        "the __init__ of __FILE__ and __a_b__",
        "if x:\n  a\n    b\n\tc\n d",
        "a  b",
        "|a|b|\n|-|-|\n|1|2|3|",
        "| a |\n|---|\n| $|x|$ |",
        "a line\nand the next",
        "5 &lt; 6 &amp; 7",
        "[a]: https://x.example/y",
        "<think>so</think> <b>bold</b>",
        "C:\\new\\table",
    ],
)
def test_every_character_of_an_answer_stays_visible(text: str) -> None:
    assert seen(text) == text


def test_intended_emphasis_is_rendered() -> None:
    made = render_markdown("**bold**, *it*, (*both*) and 这是**重点**内容")
    assert made is not None
    assert re.findall(r"<(?:strong|em)>([^<]*)", made) == ["bold", "it", "both", "重点"]


def test_sums_of_money_are_no_formulas_and_words_are_no_names() -> None:
    made = render_markdown("$5 and *it* for $6, **$7** or **$8**, __bold words__, __Note__") or ""
    assert re.findall(r"<(?:strong|em)>([^<]*)", made) == ["it", "$7", "$8", "bold words", "Note"]


def test_list_items_keep_the_numbers_of_the_text() -> None:
    made = render_markdown("1. a\n1. b\n3. c\n\ntext\n\n- d\n\n  7) e") or ""
    assert re.findall(r"<li( value=\"\d+\")?>", made) == [' value="1"', ' value="1"', ' value="3"', "", ' value="7"']


def test_indents_and_runs_of_spaces_are_marked_for_the_style() -> None:
    assert render_markdown("a *b* c\n d  e") == (
        '<p dir="auto">a <em>b</em> c<br />\n<span class="spaces"> </span>d<span class="spaces">  </span>e</p>\n'
    )


def test_many_tables_with_too_many_cells_are_read_once() -> None:
    text = "|a|\n|-|\n|b|c|\n\n" * 1000
    assert "<table" not in (render_markdown(text) or "")
    assert (render_markdown("|a|\n|-|\n|b|\n\n|a|\n|-|\n|b|") or "").count("<table") == 2


def test_a_link_that_hides_its_address_is_marked_for_the_style() -> None:
    assert 'class="named"' in (render_markdown("[here](https://x.example)") or "")
    assert 'class="named"' not in (render_markdown("<https://x.example>") or "")


def test_each_outermost_block_has_the_direction_of_its_script() -> None:
    made = render_markdown("# عنوان\n\nفقرة\n\n- واحد\n\n> two\n\n|ا|b|\n|-|-|\n|1|2|") or ""
    assert re.findall(r'<(\w+) dir="auto">', made) == ["h1", "p", "ul", "blockquote", "table"]


COSTLY = {
    "brackets": "[" * (MAX_BRACKETS + 1),
    "a wide table": "|a" * 200 + "\n" + "|-" * 200 + "\n" + "x\n" * (MAX_CELLS // 200),
    "a long text": "x" * (MAX_CHARACTERS + 1),
}


@pytest.mark.parametrize("case", COSTLY)
def test_a_text_that_would_take_long_is_not_rendered(case: str) -> None:
    assert render_markdown(COSTLY[case]) is None


def test_nobody_waits_for_the_database_while_texts_are_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_store(tmp_path / "a.db")
    found = team(engine, Item("one", "?", [{"id": x, "text": x} for x in "ab"]), item("two"))
    held: list[bool] = []

    def watched(text: str) -> str:
        held.append(store._turns(engine).locked())  # pyright: ignore[reportPrivateUsage]
        return text

    monkeypatch.setattr(assignment_view, "render_markdown", watched)
    with writing(engine) as connection:
        secret = new_token(connection, found.people["ann"], "t", START)[1]
        assert store._turns(engine).locked()  # pyright: ignore[reportPrivateUsage]
    with TestClient(make_app(engine), headers={"Authorization": f"Bearer {secret}"}) as http:
        taken = http.post(f"/api/v1/projects/{found.project}/assignments").json()
        assert [one["html"] for one in taken["candidates"]] == [one["text"] for one in taken["candidates"]]
    assert held == [False, False]
    engine.dispose()
