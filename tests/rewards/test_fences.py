"""Fenced blocks of Markdown: where one starts and ends, its language, and that a hostile text comes to an end."""

import pytest

from posttrain.rewards.fences import Block, fenced_blocks

CODE = "def f(x):\n    return 2 * x\n"
DOCSTRING = 'def f(x):\n    """\n    ```\n    f(1) -> 2\n    ```\n    """\n    return 2 * x\n'


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        (f"```python\n{CODE}```", [("python", CODE)]),
        (f"```python\n{CODE}```\n".replace("\n", "\r\n"), [("python", CODE)]),
        (f"~~~Python3.11\n{CODE}~~~", [("python3.11", CODE)]),
        (f'```python title="a.py"\n{CODE}```', [("python", CODE)]),
        (f"```{{.python .numbered}}\n{CODE}```", [("python", CODE)]),
        (f"``` c++:a.cpp\n{CODE}```", [("c++", CODE)]),
        (f"```json5 \n{CODE}```", [("json5", CODE)]),
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
        ("    ```py\n    an indented block of code, not a fence\n    ```", []),
        ("```a`b\nno fence, for its first line has a backtick", []),
        ("", []),
    ],
)
def test_a_fence_is_read_as_markdown_has_it(text: str, blocks: list[tuple[str, str]]) -> None:
    assert fenced_blocks(text) == [Block(*block) for block in blocks]


@pytest.mark.parametrize(
    "hostile", ["```" + " " * 100_000 + "x", "> ```\na\n" * 5_000, "- ```\na\n" * 2_000, "- " * 50_000, "`" * 100_000]
)
def test_a_hostile_text_comes_to_an_end(hostile: str) -> None:
    assert all(isinstance(block, Block) for block in fenced_blocks(hostile))
