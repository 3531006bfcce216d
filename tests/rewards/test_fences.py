"""Fenced blocks of answers, as CommonMark has them, in bounded time."""

import pytest

from posttrain.rewards.fences import LINES, read_blocks


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("x = 1", []),
        ("a\n```python\nx = 1\n```\nb", [("python", "x = 1\n")]),
        ("```\nx = 1\n```\n```py\ny = 2\n```", [("", "x = 1\n"), ("py", "y = 2\n")]),
        ("```python\nx = 1", [("python", "x = 1")]),
        ("```PYTHON3.11 title=a.py\r\nx = 1\r\n```", [("python", "x = 1\n")]),
        ("~~~ {.python}\n```\n~~~", [("python", "```\n")]),
        ("````python\n```\nx\n```\n````", [("python", "```\nx\n```\n")]),
        ("1. a\n\n   ```py\n   if x:\n       y\n   ```", [("py", "if x:\n    y\n")]),
        ("> ```py\n> x\n> ```", [("py", "x\n")]),
        ("1. a\n\n        ```py\n        x\n        ```", [("py", "x\n")]),
        ("```python x ``` within a line", []),
    ],
)
def test_blocks_of_an_answer(text: str, blocks: list[tuple[str, str]]) -> None:
    assert [(language, code.rstrip("\n")) for language, code in read_blocks(text)] == [
        (language, code.rstrip("\n")) for language, code in blocks
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("```" + " " * 40_000 + "x", 1),
        ("```\n" * 40_000, 20_000),
        ("`" * 200_000, 1),
        ("```" + "`a" * 90_000, 0),
        ("> " * 100_000 + "```", 0),
        ("- " * 50_000 + "```", 0),
        ("~~~\n```\n" * 21_000, 14_000),
        ("```py\n" + "x\n" * 2 * LINES, 0),
    ],
    ids=range(8),
)
def test_hostile_answers_end(text: str, count: int) -> None:
    """Time that grows with the square of these would be minutes."""
    assert len(read_blocks(text)) == count
