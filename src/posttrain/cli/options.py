"""Options that several commands have."""

from typing import Annotated

import typer

Overrides = Annotated[
    list[str], typer.Option("--set", help="Change the recipe: key.path=value, for instance stages.sft.epochs=1.")
]
Sweeps = Annotated[
    list[str],
    typer.Option("--sweep", help="One run for each value: key.path=value,value; repeated: for each combination."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]
Database = Annotated[str, typer.Option("--db", help="The database: a file (SQLite), or postgresql://...")]
Against = Annotated[
    list[str], typer.Option("--against", help="Evaluation data that must not occur among the rows; repeatable.")
]
Columns = Annotated[
    str, typer.Option(help="Standard names of your columns: prompt=question,completion=answer.", show_default=False)
]

DEFAULT_DB = "annotate.db"
