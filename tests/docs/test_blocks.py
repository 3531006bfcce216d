"""No block of the documentation escapes: commands, options, recipe keys, JSON and Python are those of the program."""

import ast
import importlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

import posttrain as pt
from doc_blocks import LANGUAGES, PAGES, ROOT, Block, blocks, command_lines
from posttrain.cli.main import app
from posttrain.recipe.load import checked_recipe
from posttrain.recipe.mapping import read_mapping
from posttrain.recipe.yaml_lines import read_yaml

README = ROOT / "README.md"
SHELL_OF_README = {"posttrain": "sh"}


def of_language(*languages: str) -> Iterator[Block]:
    """The blocks of these languages on the pages of docs/ and in the README, whose shell blocks name no language."""
    for block in (block for page in (README, *PAGES) for block in blocks(page)):
        if (block.language or SHELL_OF_README.get(block.text[:9])) in languages:
            yield block


def test_every_block_names_a_language_that_is_checked() -> None:
    unknown = [block for page in PAGES for block in blocks(page) if block.language not in LANGUAGES]
    assert [f"{block.place}: {block.language!r}" for block in unknown] == []


def test_every_command_line_is_one_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for block in of_language("sh") for line in command_lines(block)]
    problems = [f"{line.place}: {problem}" for line in lines if (problem := usage_problem(line.arguments))]
    assert len(lines) > 100
    assert problems == []


def usage_problem(arguments: tuple[str, ...]) -> str | None:
    """The message of the command line about arguments that it cannot parse; None if it can. Nothing is run."""
    command: Any = typer.main.get_command(app)
    name, rest, context = "posttrain", list(arguments), None
    try:
        while True:
            context = command.make_context(name, rest, parent=context)
            if not hasattr(command, "commands"):
                return None
            name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    except typer.Exit:  # --version, --install-completion
        return None
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return error.format_message()


def test_an_unknown_option_and_an_unknown_command_are_usage_problems() -> None:
    assert usage_problem(("run", "recipe.yaml", "--set", "seed=1")) is None
    assert "--sett" in str(usage_problem(("run", "recipe.yaml", "--sett", "seed=1")))
    assert "tune" in str(usage_problem(("tune", "recipe.yaml")))


@pytest.mark.parametrize("block", list(of_language("yaml")), ids=lambda block: block.place)
def test_the_keys_of_a_recipe_or_of_a_part_of_one_are_known(block: Block, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(block.text)
    values, _ = read_yaml(tmp_path / "recipe.yaml")
    checked_recipe(read_mapping(whole_recipe(values), tmp_path))


def whole_recipe(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe around a part of one: a part of a stage, stages alone, suites alone, or gates alone."""
    for key, stage in PARTS.items():
        if key in values:
            values = {"stages": {"part": {**stage, **values}}}
    if all(isinstance(value, dict) and "kind" in value for value in values.values()):
        values = {"stages": values}
    return {"model": "org/base", "suites": SUITES, **values, "stages": {**STAGES, **values.get("stages", {})}}


PARTS: Mapping[str, Mapping[str, Any]] = {
    "rewards": {"kind": "grpo", "data": "prompts.jsonl"},
    "loss": {"kind": "dpo", "data": "pairs.jsonl"},
    "teacher": {"kind": "distill", "data": "prompts.jsonl"},
}
"""Key of a stage → the other keys that the stage needs."""

STAGES = {"sft": {"kind": "sft", "data": "train.jsonl"}, "reward": {"kind": "reward", "data": "pairs.jsonl"}}
"""Stages that a part of a recipe may name."""

SUITES = {"facts": {"data": "test.jsonl", "metrics": "match"}}
"""Suites of a part that has none."""


def test_json_and_toml_can_be_read() -> None:
    for block in of_language("json"):
        assert json.loads(block.text)
    for block in of_language("jsonl"):
        assert all(isinstance(json.loads(line), dict) for line in block.text.splitlines())
    for block in of_language("toml"):
        assert tomllib.loads(block.text)


def test_python_names_what_the_package_has() -> None:
    for block in of_language("python"):
        for node in ast.walk(ast.parse(block.text, block.place)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pt":
                assert node.attr in {*pt.__all__, "__file__"}, f"{block.place}: pt.{node.attr}"
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("posttrain"):
                module = importlib.import_module(str(node.module))
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == [], block.place
