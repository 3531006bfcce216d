"""Fenced blocks of Markdown: their borders, their language, and the time on hostile texts."""

import pytest

from posttrain.rewards.fences import LINES, read_blocks
from posttrain.rewards.sandbox.solution import Block

CODE = "def f(x):\n    return 2 * x\n"
DOCSTRING = 'def f(x):\n    """\n    ```\n    f(1) -> 2\n    ```\n    """\n    return 2 * x\n'


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        (f"```python\n{CODE}```", [("python", CODE)]),
        (f"```python\n{CODE}```\n".replace("\n", "\r\n"), [("python", CODE)]),
        (f"~~~Python3.11\n{CODE}~~~", [("python", CODE)]),
        (f'```python title="a.py"\n{CODE}```', [("python", CODE)]),
        (f"```{{.python .numbered}}\n{CODE}```", [("python", CODE)]),
        (f"``` c++:a.cpp\n{CODE}```", [("c", CODE)]),
        (f"```json5 \n{CODE}```", [("json", CODE)]),
        (f"```\n{CODE}```", [("", CODE)]),
        (f"```python\n{CODE}", [("python", CODE)]),
        (f"```python\n{DOCSTRING}```", [("python", DOCSTRING)]),
        ("1. Code:\n\n   ```python\n   def f(x):\n       return 2 * x\n   ```\n", [("python", CODE)]),
        ("- Code:\n\t```python\n\tdef f(x):\n\t    return 2 * x\n\t```\n", [("python", CODE)]),
        ("1. a\n   - b\n     ~~~json\n     {}\n     ~~~\n", [("json", "{}\n")]),
        (
            "```bash\nls\n```\nthen\n```json\n{}\n```\nprints\n```\n9\n```",
            [("bash", "ls\n"), ("json", "{}\n"), ("", "9\n")],
        ),
        ("````md\n```py\n1\n```\n````", [("md", "```py\n1\n```\n")]),
        ("<div>\n```py\n1\n```\n</div>", [("py", "1\n")]),
        ("In a line ```py\nno fence", []),
        ("1. a\n\n        ```py\n        x\n        ```", [("py", "x\n")]),
        ("> ```py\n> x\n> ```\nand\n```sh\nls\n```", [("py", "x\n"), ("sh", "ls\n")]),
        ("```py\n> ```\n>>> x\n```", [("py", "> ```\n>>> x\n")]),
        ("```\nx = 1\n```\n```py\ny = 2\n```", [("", "x = 1\n"), ("py", "y = 2\n")]),
        ("```a`b\nno fence, for its first line has a backtick", []),
        ("", []),
    ],
)
def test_a_fence_is_read_by_the_rules_of_markdown(text: str, blocks: list[tuple[str, str]]) -> None:
    assert read_blocks(text) == tuple(Block(*block) for block in blocks)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("```" + " " * 40_000 + "x", 1),
        ("```\n" * 20_000, 10_000),
        ("`" * 200_000, 1),
        ("```" + "`a" * 90_000, 0),
        ("> " * 100_000 + "```", 0),
        ("> ```\na\n" * 20_000, 20_000),
        ("- " * 50_000 + "```", 0),
        ("- ```\na\n" * 2_000, 2_000),
        ("~~~\n```\n" * 12_000, 8_000),
        ("```py\n" + "x\n" * 2 * LINES, 0),
    ],
    ids=range(10),
)
def test_a_hostile_text_is_read_in_linear_time(text: str, count: int) -> None:
    """An algorithm of quadratic time would take minutes on these."""
    assert len(read_blocks(text)) == count
