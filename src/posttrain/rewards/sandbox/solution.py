"""Choose the part of an answer that is its code. docs/rewards-code.md has the rules.

It runs in the process of the tested code, since a model's text can crash Python's parser and its process.
"""

import ast
import re
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from posttrain.rewards.sandbox.names import GIVEN_NAMES, bound_names, read_names

PYTHON = frozenset({"python", "py", "ipython", "pycon", "pypy"})
STARTS = 200
"""Lines of a text at which unfenced code may begin."""

CUTS = 20
"""Cuts of prose behind such code."""

READS = re.compile(r"\binput\s*\(|\bstdin\b|\bopen\(0")
CODE_LINE = re.compile(r"(?:async def|def|class) \w+ *[(:]|import [\w., ]+$|from [\w.]+ import |@\w")
DEFINES = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
INERT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
PROMPT = re.compile(r"^(?:>>>|\.\.\.)(?: |$)")


class Block(NamedTuple):
    """A fenced block: its language in lower case (empty where it names none), and its text."""

    language: str
    text: str


class Answer(NamedTuple):
    """The text of a completion, and the blocks in it."""

    text: str
    blocks: tuple[Block, ...] = ()

    @classmethod
    def of(cls, parts: Any) -> "Answer":
        """From lists, as JSON has them."""
        return cls(parts[0], tuple(Block(*block) for block in parts[1]))


def choose_code(answer: Answer, names: Collection[str], *, prompt: str = "", program: bool = False) -> str:
    """The code of an answer.

    Args:
        names: the functions that the tests call.
        prompt: code that the answer may continue.
        program: the tests run the code as a script.
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
            return whole(chosen if compiles(whole(chosen)) else _beyond(text, chosen, whole))
        if prompt and (bodies := [block for block in tier if not compiles(block) and compiles(whole(block))]):
            return whole(bodies[-1])
    for code in without_prose(text, whole):
        if (has_effect(code) and not unbound_names(code)) if program else wanted <= definitions(whole(code)):
            return whole(code)
    return whole(tiers[0][-1] if tiers else text)


def complete(prompt: str, code: str, names: Collection[str]) -> str:
    """A prompt's code with its continuation, which may repeat the function or continue its body."""
    if not prompt:
        return code
    if compiles(code) and set(names) & definitions(code):
        return f"{prompt}\n\n{code}" if compiles(prompt) else code
    indented = prompt + textwrap.indent(textwrap.dedent(code), "    ")
    return indented if not compiles(prompt + code) and compiles(indented) else prompt + code


def pick_functions(blocks: Sequence[str], names: Collection[str]) -> str:
    """The last blocks that define the names, with the blocks that they need; empty where no block defines one."""
    defined = [definitions(block) for block in blocks]
    last = {max(i for i, own in enumerate(defined) if name in own) for name in names if name in set().union(*defined)}
    return _joined(blocks, last) if last else ""


def pick_program(blocks: Sequence[str], names: Collection[str]) -> str:
    """The last block that runs by itself and reads its input; else the last that reads it, that runs by itself, or that
    has an effect. The blocks that it needs are joined; empty where no block has an effect."""
    acting = [i for i, block in enumerate(blocks) if (has_effect(block) if compiles(block) else READS.search(block))]
    if not acting:
        return ""
    reads = {i for i in acting if READS.search(blocks[i])}
    alone = {i for i in acting if not unbound_names(blocks[i])}
    return _joined(blocks, {max(reads & alone or reads or alone or acting)})


def definitions(code: str) -> set[str]:
    """Global names that the code defines itself, and the methods of `class Solution`."""
    if not compiles(code):
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


def unbound_names(code: str) -> set[str]:
    """Names that the code reads and does not bind; empty where it does not compile, or has a star import."""
    if not compiles(code):
        return set()
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(ast.parse(code))):
        return set()
    return read_names(code) - bound_names(code) - GIVEN_NAMES


def has_effect(code: str) -> bool:
    """Whether running the code has an effect: a top-level statement that is no definition, import or assignment."""
    body = ast.parse(code).body
    docs = [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return any(not isinstance(node, INERT) for node in body if node not in docs)


def compiles(code: str) -> bool:
    """Whether the code compiles."""
    return _broken_at(code) is None


def without_prose(text: str, whole: Callable[[str], str]) -> Iterator[str]:
    """Runs of lines that compile, between lines of prose without indent.

    Args:
        whole: adds the prompt that a run continues.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    starts = [i for i, line in enumerate(lines) if i == 0 or (line.strip() and not line[0].isspace())]
    for start in starts[:STARTS]:
        if code := _until_prose(lines[start:], whole):
            yield code
        if CODE_LINE.match(lines[start]):  # broken code is not skipped
            return


def _beyond(text: str, block: str, whole: Callable[[str], str]) -> str:
    """A block with its rest, where a fence within one of its strings has cut it short; else the block unchanged."""
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
    """The number of lines from the first error to the end; None if the code compiles."""
    try:
        compile(code, "answer", "exec", dont_inherit=True)
    except SyntaxError as error:
        return code.count("\n") + 2 - (error.lineno or 1)
    except (ValueError, RecursionError, MemoryError):
        return code.count("\n") + 1
    return None


def _tiers(blocks: Sequence[Block]) -> list[list[str]]:
    """The texts of the blocks by tier: in Python, without a language, others; without empty tiers."""
    tiers: list[list[str]] = [[], [], []]
    for language, text in blocks:
        tiers[0 if language in PYTHON else 1 if not language else 2].append(_typed(text.removeprefix("\ufeff")))
    return [tier for tier in tiers if tier]


def _typed(text: str) -> str:
    """The typed lines, where the text is a session with Python's prompts; else the text."""
    lines = text.split("\n")
    if not lines[0].startswith(">>> "):
        return text
    return "\n".join(line[4:] for line in lines if PROMPT.match(line))


def _joined(blocks: Sequence[str], chosen: set[int]) -> str:
    """The chosen blocks and the blocks that define the names they lack, in the order of the answer."""
    defined = [bound_names(block) if compiles(block) else set[str]() for block in blocks]
    while True:
        code = "\n\n".join(blocks[i] for i in sorted(chosen))
        lacking = unbound_names(code)
        others = [i for i in range(len(blocks)) if i not in chosen and defined[i] & lacking]
        if not others:
            return code
        before = [i for i in others if i < max(chosen)]
        chosen = chosen | {max(before) if before else min(others)}
