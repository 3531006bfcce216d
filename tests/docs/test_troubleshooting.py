"""The messages that the page on troubleshooting quotes are those of the program."""

import ast
from pathlib import Path

import posttrain
from doc_blocks import ROOT, blocks

PAGE = ROOT / "docs/troubleshooting.md"


def texts_of_the_program() -> str:
    """Every string of the package; the parts of an f-string follow each other."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(posttrain.__file__).parent.rglob("*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree))
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_each_quoted_message_is_one_of_the_program() -> None:
    program = texts_of_the_program()
    quoted = [line for block in blocks(PAGE) if block.language == "text" for line in block.text.splitlines()]
    assert len(quoted) > 15
    parts = [part.strip() for line in quoted for part in line.split("…")]
    assert [part for part in parts if len(part) > 3 and part not in program] == []
