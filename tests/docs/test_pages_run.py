"""The first hour and the tutorials run from top to bottom, each in a fresh folder, with a tiny random model."""

from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain
from doc_blocks import PAGES, Block, CommandLine, blocks, command_lines

RUN = [page for page in PAGES if page.name == "first-hour.md" or page.name.startswith("tutorial-")]

ENDLESS = ({"serve"}, {"chat"}, {"ui"}, {"annotate", "serve"})
"""Commands that wait for people; tests/docs/test_blocks.py checks their options."""

GATE = 100
"""The exit code of `run` and `gate` where a gate did not pass: a random model does not learn what the page teaches."""


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_a_page_runs_from_top_to_bottom(
    page: Path, posttrain: Posttrain, hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    calls = 0
    for block in blocks(page):
        if block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.text)
        elif block.language == "python":
            exec(compile(block.text, block.place, "exec"), names)
        elif block.language == "sh":
            calls += sum(ran(line, posttrain) for line in command_lines(block))
    assert calls > 0


def ran(line: CommandLine, posttrain: Posttrain) -> bool:
    """Run a command line, unless it waits for people; whether it ran."""
    words = list(line.arguments)
    if any(words[: len(endless)] and set(words[: len(endless)]) == endless for endless in ENDLESS):
        return False
    answer = posttrain(*words)
    stopped_by_gate = words[0] in {"run", "gate"} and answer.code == GATE and "gates: " in answer.err
    assert answer.code == line.code or stopped_by_gate, f"{line.place}\n{answer.out}\n{answer.err}"
    if line.out:
        Path(line.out).write_text(answer.out)
    return True


def test_every_file_of_a_page_that_runs_has_a_name() -> None:
    data = {"csv", "json", "jsonl", "yaml"}
    nameless: list[Block] = [b for page in RUN for b in blocks(page) if b.language in data and not b.title]
    assert [block.place for block in nameless] == []
