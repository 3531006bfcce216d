"""The pages of the documentation: their fenced blocks, and the command lines in these."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted((ROOT / "docs").glob("*.md")))

LANGUAGES = frozenset({"sh", "text", "yaml", "json", "jsonl", "csv", "python", "toml"})
"""The languages of blocks. A block of `text` is output or a sketch, and nothing checks it."""

_FENCE = re.compile(r"^( *)(`{3,})(.*)$")
_TITLE = re.compile(r'title="([^"]+)"')
_CODE = re.compile(r"# exit code (\d+)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its place, its language, the file that its title names, and its text without indent."""

    place: str
    language: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A line of shell that calls posttrain.

    Args:
        arguments: those of posttrain.
        out: the file that gets the output (`> FILE`); empty if there is none.
        code: the exit code that a comment claims (`# exit code 3`); 0 without one.
    """

    place: str
    arguments: tuple[str, ...]
    out: str
    code: int


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, from top to bottom. A block that nothing closes is an error."""
    lines = page.read_text(encoding="utf-8").splitlines()
    opened: tuple[int, str, str] | None = None
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if opened is None:
            opened = number, fence[2], fence[3].strip()
        elif fence[2] == opened[1] and not fence[3].strip():
            start, _, words = opened
            title = _TITLE.search(words)
            text = dedent("\n".join(lines[start : number - 1])) + "\n"
            yield Block(f"{page.name}:{start}", words.split(" ")[0], title[1] if title else "", text)
            opened = None
    assert opened is None, f"{page.name}:{opened[0]}: the block is not closed"


def command_lines(block: Block) -> Iterator[CommandLine]:
    """The lines of a block that call posttrain; lines that end in a backslash go on in the next one."""
    for line in block.text.replace("\\\n", " ").splitlines():
        claimed = _CODE.search(line)
        for words in _commands_of(line):
            out = words[words.index(">") + 1] if ">" in words else ""
            arguments = _arguments(words[: words.index(">")] if out else words)
            if arguments is not None:
                yield CommandLine(f"{block.place}: {line.strip()}", arguments, out, int(claimed[1]) if claimed else 0)


def _commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, which `&&`, `||`, `|` or `;` separate."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in (*lexer, ";"):
        if word in {"&&", "||", "|", ";", "&"}:
            yield words
            words = []
        else:
            words.append(word)


def _arguments(words: Sequence[str]) -> tuple[str, ...] | None:
    """The arguments of posttrain in a command; None if the command calls another program."""
    start = next((n for n, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), len(words))
    if list(words[start : start + 1]) == ["posttrain"]:
        return tuple(words[start + 1 :])
    for n in range(start, len(words) - 1):
        if (words[n], words[n + 1]) == ("-m", "posttrain"):
            return tuple(words[n + 2 :])
    return None
