"""`posttrain eval`: behaviour without a recipe, results of other tools, and what becomes of failed items."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from posttrain.cli.options import AsJson
from posttrain.errors import InputError


class ModelFirst(TyperGroup):
    """A group whose command `measure` may be left out: ``posttrain eval MODEL --data ...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command before a model or an option."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["measure", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=ModelFirst,
    no_args_is_help=True,
    help="Measure a model on suites, without a recipe: posttrain eval MODEL --suite suites.yaml --out results. The "
    "name of the command `measure` may be left out.",
)


@app.command(
    "measure", epilog="Example: posttrain eval runs/first:dpo --data requests.jsonl --kind refusal --out eval/requests"
)
def measure_command(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A folder, a hub id, RUN:STAGE (a stage of a run, or base), or name@http://host/v1 for a server's "
            "model; none with --saved.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write: results.json, samples_SUITE.jsonl, lm_eval/.")
    ] = None,
    suite: Annotated[Path | None, typer.Option(help="A YAML file with `suites`, as in a recipe.")] = None,
    data: Annotated[str | None, typer.Option(help="Instead: the rows of one suite.")] = None,
    kind: Annotated[str, typer.Option(help="Kind of that suite.")] = "answers",
    metrics: Annotated[
        list[str], typer.Option(help="A metric of a suite of kind answers, such as match; repeatable.")
    ] = [],  # noqa: B006
    set_: Annotated[
        list[str],
        typer.Option("--set", help="Another key of the suite: rows=9; with --suite: suites.facts.rows=9."),
    ] = [],  # noqa: B006
    saved: Annotated[
        Path | None,
        typer.Option(help="Answers that exist already: a file of id and answer, or a folder of samples_SUITE.jsonl."),
    ] = None,
    server: Annotated[
        list[str], typer.Option(help="A setting of requests to a server: key_from=OPENAI_API_KEY, concurrency=16.")
    ] = [],  # noqa: B006
    template: Annotated[str | None, typer.Option(help="Chat template of a local model; its own if unset.")] = None,
    template_arguments: Annotated[
        list[str],
        typer.Option(
            help="A variable of the chat template: enable_thinking=false; repeatable. It overrides the suites' and the "
            "model's own; a server gets it as chat_template_kwargs."
        ),
    ] = [],  # noqa: B006
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of sampled answers.", min=0)] = 0,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model, a server or saved answers on suites.

    The folder gets what a stage of a run gets, and result files that lm-evaluation-harness can read.
    """
    if out is None:
        raise InputError("eval: name the folder for the results: --out eval/first")
    if (model is None) == (saved is None):
        raise InputError("eval: name a model, or a file of answers with --saved; one of the two")
    if (suite is None) == (data is None):
        raise InputError("eval: name the questions with --suite suites.yaml or with --data rows.jsonl; one of the two")
    if suite is not None and (metrics or kind != "answers"):
        raise InputError("eval: --kind and --metrics belong to --data; with --suite the file names them")
    if saved is not None and template_arguments:
        raise InputError("eval: --template-arguments: saved answers exist already, and no template is read; remove it")
    from posttrain.cli.evaluation_work import load_suites, measure_and_show, suite_of_options, suites_with_arguments

    suites = load_suites(suite, set_) if suite else suite_of_options(str(data), kind, metrics, set_)
    base = suite.parent if suite else Path()
    suites = suites_with_arguments(suites, template_arguments, base)
    local = {"template": template, "device": device, "precision": precision}
    measure_and_show(
        suites, base, model, saved, out=out, server=server, local=local, seed=seed, junit=junit, as_json=as_json
    )


@app.command("junit", epilog="Example: posttrain eval junit runs/first --out junit.xml")
def junit_command(
    folder: Annotated[Path, typer.Argument(help="A run, or a folder of results.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write, .xml.", show_default=False)],
) -> None:
    """Write JUnit XML for a CI server: a test case for each gate; without gates, one for each result."""
    from posttrain.cli.evaluation_work import write_junit

    write_junit(folder, out)


@app.command("failures", epilog="Example: posttrain eval failures runs/first:dpo --to ranking --out failures.jsonl")
def failures_command(
    run: Annotated[str, typer.Argument(help="RUN, RUN:STAGE or a folder of results.", show_default=False)],
    to: Annotated[
        str,
        typer.Option(
            help="ranking: answers of all stages for people to rank; sft: rows whose completion is to be written; "
            "prompts: rows for GRPO.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl.", show_default=False)],
    suite: Annotated[list[str], typer.Option(help="A suite by name; repeatable; all if unset.")] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Write the questions that a model answered wrongly as new work: for people, for SFT or for GRPO."""
    from posttrain.cli.failures_work import write_failures

    write_failures(run, suite, to, out, as_json=as_json)


@app.command("gold", epilog="Example: posttrain eval gold adjudicated.jsonl --recipe recipe.yaml")
def gold_command(
    file: Annotated[str, typer.Argument(help="Rows of input or prompt: a file or folder.", show_default=False)],
    recipe: Annotated[
        Path | None, typer.Option(help="The recipe beside which gold.hashes.jsonl lies; else the working directory.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Mark rows as gold evaluation rows. A stage whose data holds one of their prompts is stopped before it trains."""
    from posttrain.cli.gold_work import add_gold_rows

    add_gold_rows(file, recipe, as_json=as_json)


@app.command("import", epilog="Example: posttrain eval import runs/first lm_eval_output/ logs/2026-01-31_facts.eval")
def import_command(
    run: Annotated[Path, typer.Argument(help="The run directory.", show_default=False)],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="results_DATE.json of lm-evaluation-harness, logs of Inspect (.eval, .json), or folders of them.",
            show_default=False,
        ),
    ],
    stage: Annotated[
        str | None, typer.Option(help="Whose model was evaluated; read from the file if it names the stage's folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import results of lm-evaluation-harness and Inspect into a run, with the tool's name and version."""
    from posttrain.cli.import_work import import_and_show

    import_and_show(run, files, stage, as_json=as_json)
