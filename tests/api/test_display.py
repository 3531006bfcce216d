"""Results as tables: nothing that a model or a row wrote is obeyed by a terminal or a browser."""

from posttrain.api.display import WIDTH, Sheet

SHEET = Sheet("a <b>title</b>", ("answer",), [["<script>alert(1)</script>\x1b[2Jend"], ["x" * 1000]], ["a & b\x07"])


def test_html_escapes_every_text() -> None:
    html = SHEET.html()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[2Jend" in html
    assert "a &lt;b&gt;title&lt;/b&gt;" in html
    assert "a &amp; b" in html


def test_text_holds_no_control_characters_and_cuts_long_cells() -> None:
    text = SHEET.text()
    assert text.replace("\n", "").isprintable()
    assert text.count("x") < 1000
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_sheet_without_rows_is_its_title_and_notes() -> None:
    sheet = Sheet("nothing", ("a",), [], ["a note"])
    assert sheet.text() == "nothing\na note"
    assert "<table>" not in sheet.html()


def test_markup_of_a_text_is_shown_and_not_applied() -> None:
    assert "[bold]x[/bold]" in Sheet("t", ("a",), [["[bold]x[/bold]"]]).text()
