"""Which part of an answer is its code. Runs in the code's own process: Python's parser, given what a model wrote, can
take a process down, and this one is the code's.

The rules are in docs/rewards-code.md.
"""

import ast
import re
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from posttrain.rewards.sandbox.names import GIVEN_NAMES, bound_names, read_names

PYTHON = frozenset({"python", "py", "ipython", "pycon", "pypy"})
STARTS = 200
"""Lines of a text without fences at which its code is looked for."""

CUTS = 20
"""Times that prose behind such code is cut off."""

READS = re.compile(r"\binput\s*\(|\bstdin\b|\bopen\(0")
CODE_LINE = re.compile(r"(?:async def|def|class) \w+ *[(:]|import [\w., ]+$|from [\w.]+ import |@\w")
DEFINES = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
INERT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
PROMPT = re.compile(r"^(?:>>>|\.\.\.)(?: |$)")


class Block(NamedTuple):
    """A fenced block: its language in small letters (empty: none is named), and its text."""

    language: str
    text: str


class Answer(NamedTuple):
    """What a model wrote, and the blocks in it."""

    text: str
    blocks: tuple[Block, ...] = ()

    @classmethod
    def of(cls, parts: Any) -> "Answer":
        """From JSON's lists."""
        return cls(parts[0], tuple(Block(*block) for block in parts[1]))


def choose(answer: Answer, names: Collection[str], *, prompt: str = "", program: bool = False) -> str:
    """The code of an answer.

    Args:
        names: what the tests call.
        prompt: code that the answer may continue.
        program: the tests run it as a script.
    """
    text = answer.text.removeprefix("\ufeff")
    wanted = {name.split("(")[0] for name in names}
    pick = pick_program if program else pick_functions

    def whole(code: str) -> str:
        return complete(prompt, code, wanted)

    if _broken_at(whole(text)) is None:
        return whole(text)
    tiers = _tiers(answer.blocks)
    for tier in tiers:
        if chosen := pick(tier, wanted):
            return whole(chosen if parsed(whole(chosen)) else _beyond(text, chosen, whole))
        if prompt and (bodies := [block for block in tier if not parsed(block) and parsed(whole(block))]):
            return whole(bodies[-1])
    for code in without_prose(text, whole):
        if (acts(code) and not needs(code)) if program else wanted <= definitions(whole(code)):
            return whole(code)
    return whole(tiers[0][-1] if tiers else text)


def complete(prompt: str, code: str, names: Collection[str]) -> str:
    """The program of a prompt with code and its completion, which may repeat the function or go on with its body."""
    if not prompt:
        return code
    if parsed(code) and set(names) & definitions(code):
        return f"{prompt}\n\n{code}" if parsed(prompt) else code
    indented = prompt + textwrap.indent(textwrap.dedent(code), "    ")
    return indented if not parsed(prompt + code) and parsed(indented) else prompt + code


def pick_functions(blocks: Sequence[str], names: Collection[str]) -> str:
    """The last blocks that define the names, with what they need of the others; empty if none does."""
    defined = [definitions(block) for block in blocks]
    last = {max(i for i, own in enumerate(defined) if name in own) for name in names if name in set().union(*defined)}
    return _joined(blocks, last) if last else ""


def pick_program(blocks: Sequence[str], names: Collection[str]) -> str:
    """The last block that runs by itself and reads its input; else the last that reads it, that runs by itself, or that
    does something, with what it needs of the others; empty if none does."""
    acting = [i for i, block in enumerate(blocks) if (acts(block) if parsed(block) else READS.search(block))]
    if not acting:
        return ""
    reads = {i for i in acting if READS.search(blocks[i])}
    alone = {i for i in acting if not needs(blocks[i])}
    return _joined(blocks, {max(reads & alone or reads or alone or acting)})


def definitions(code: str) -> set[str]:
    """Global names that code defines itself, and the methods of `class Solution`."""
    if not parsed(code):
        return set(DEFINES.findall(code))
    tree = ast.parse(code)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    methods = {
        part.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "Solution"
        for part in node.body
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return (bound_names(code) - imported) | methods


def needs(code: str) -> set[str]:
    """Names that code reads and does not bind; none where it does not compile, or a star import may bind them."""
    if not parsed(code):
        return set()
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(ast.parse(code))):
        return set()
    return read_names(code) - bound_names(code) - GIVEN_NAMES


def acts(code: str) -> bool:
    """Whether running it does something: a statement at the margin that neither defines nor only assigns."""
    body = ast.parse(code).body
    docs = [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return any(not isinstance(node, INERT) for node in body if node not in docs)


def parsed(code: str) -> bool:
    """Whether it compiles."""
    return _broken_at(code) is None


def without_prose(text: str, whole: Callable[[str], str]) -> Iterator[str]:
    """Runs of lines that compile as a whole, between lines of prose at the margin.

    Args:
        whole: puts before a run what it continues.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    starts = [i for i, line in enumerate(lines) if i == 0 or (line.strip() and not line[0].isspace())]
    for start in starts[:STARTS]:
        if code := _until_prose(lines[start:], whole):
            yield code
        if CODE_LINE.match(lines[start]):  # code at fault is not passed over
            return


def _beyond(text: str, block: str, whole: Callable[[str], str]) -> str:
    """A block that a fence within one of its strings has cut short, with the rest; else the block as it is."""
    if block not in text:
        return block
    code = _until_prose(text[text.rindex(block) :].split("\n"), whole)
    return code if len(code) > len(block) else block


def _until_prose(lines: Sequence[str], whole: Callable[[str], str]) -> str:
    for _ in range(CUTS):
        code = "\n".join(lines)
        broken = _broken_at(whole(code))
        if broken is None or not 0 < broken < len(lines):
            return code if broken is None else ""
        cut = len(lines) - broken
        if lines[cut][:1].isspace():
            return ""
        lines = lines[:cut]
    return ""


def _broken_at(code: str) -> int | None:
    """None if the code compiles; else the number of lines from the first error to the end."""
    try:
        compile(code, "answer", "exec", dont_inherit=True)
    except SyntaxError as error:
        return code.count("\n") + 2 - (error.lineno or 1)
    except (ValueError, RecursionError, MemoryError):
        return code.count("\n") + 1
    return None


def _tiers(blocks: Sequence[Block]) -> list[list[str]]:
    """Texts of the blocks in Python, of those that name no language, and of the others; without empty tiers."""
    tiers: list[list[str]] = [[], [], []]
    for language, text in blocks:
        tiers[0 if language in PYTHON else 1 if not language else 2].append(_typed(text.removeprefix("\ufeff")))
    return [tier for tier in tiers if tier]


def _typed(text: str) -> str:
    """What was typed, where the text is a session with Python's prompts; else the text."""
    lines = text.split("\n")
    if not lines[0].startswith(">>> "):
        return text
    return "\n".join(line[4:] for line in lines if PROMPT.match(line))


def _joined(blocks: Sequence[str], chosen: set[int]) -> str:
    """The chosen blocks and those that define what they lack, in the order of the answer."""
    defined = [bound_names(block) if parsed(block) else set[str]() for block in blocks]
    while True:
        code = "\n\n".join(blocks[i] for i in sorted(chosen))
        lacking = needs(code)
        others = [i for i in range(len(blocks)) if i not in chosen and defined[i] & lacking]
        if not others:
            return code
        before = [i for i in others if i < max(chosen)]
        chosen = chosen | {max(before) if before else min(others)}
