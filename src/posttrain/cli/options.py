"""Options that several commands have."""

from typing import Annotated

import typer

Overrides = Annotated[
    list[str], typer.Option("--set", help="Change the recipe: key.path=value, for instance stages.sft.epochs=1.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]
Against = Annotated[
    list[str], typer.Option("--against", help="Evaluation data that must not stand among the rows; repeatable.")
]
Columns = Annotated[
    str, typer.Option(help="Columns called otherwise: prompt=question,completion=answer.", show_default=False)
]
