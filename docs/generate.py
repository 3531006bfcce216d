"""Write the pages of this folder that come from the code: recipe.md, commands.md and glossary.md.

`make docs` runs it; `tests/docs/test_generated.py` holds the pages against it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from posttrain.cli.main import app
from posttrain.files import write_whole
from posttrain.recipe.reference import reference
from posttrain.report.glossary import GLOSSARY

COMMANDS_HEAD = """\
# Commands

`posttrain COMMAND --help` prints the same. Exit codes: 0 all is done; 1 the run cannot go on; 2 the input or the usage
is wrong; 3 people have to rank first; 75 another process of the run was lost; 100 a gate failed or stayed inconclusive;
128 + n signal n stopped the work, and all is saved.

`posttrain --install-completion` teaches your shell to complete commands and options.
"""

GLOSSARY_HEAD = """\
# Glossary

These are the words of the report and of this documentation in plain English, for people who do not write code.
"""


def commands_page() -> str:
    """The page of all commands."""
    commands = sorted(_commands(typer.main.get_command(app), None, "posttrain"), key=lambda command: command[0])
    rows = [
        f"| [`{name}`](#{name.replace(' ', '-')}) | {_first_sentence(command.help)} |" for name, command, _ in commands
    ]
    index = ["| command | what it does |", "|---|---|", *rows, ""]
    return "\n".join([COMMANDS_HEAD, *index, *(_section(*command) for command in commands)])


def glossary_page() -> str:
    """The page of words."""
    rows = [
        f"| **{word}** | {meaning} |" for word, meaning in sorted(GLOSSARY.items(), key=lambda item: item[0].lower())
    ]
    return "\n".join([GLOSSARY_HEAD, "| word | meaning |", "|---|---|", *rows, ""])


PAGES: Mapping[str, Callable[[], str]] = {
    "recipe.md": reference,
    "commands.md": commands_page,
    "glossary.md": glossary_page,
}
"""Name → the function that gives the text of the page."""


def _commands(command: Any, parent: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """(name, command, context) of each command that `--help` shows, groups apart."""
    context = command.context_class(command, info_name=name.rpartition(" ")[2], parent=parent)
    if not hasattr(command, "commands"):
        yield name, command, context
        return
    for key, inner in command.commands.items():
        if not inner.hidden:
            yield from _commands(inner, context, f"{name} {key}")


def _section(name: str, command: Any, context: Any) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", (command.help or "").strip())
    lines = [f"## {name}", "", text, "", "```text", usage, "```", ""]
    shown = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    rows = [f"| `{_cell(names)}` | {_cell(meaning)} |" for names, meaning in shown if "--help" not in names]
    if rows:
        lines += ["| argument or option | meaning |", "|---|---|", *rows, ""]
    if command.epilog:
        examples = re.sub(r"^Examples?: ", "", command.epilog).split("; ")
        lines += ["```sh", *examples, "```", ""]
    return "\n".join(lines)


def _first_sentence(text: str | None) -> str:
    return _cell(re.split(r"(?<=\.)\s", (text or "").strip())[0])


def _cell(text: str) -> str:
    """A text as a cell of a table."""
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    for page, text in PAGES.items():
        write_whole(Path(__file__).with_name(page), text())
