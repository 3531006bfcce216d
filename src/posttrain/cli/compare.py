"""`posttrain compare`: two models on the same prompts."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.compare_request import ComparisonRequest, checked_request
from posttrain.cli.options import AsJson

app = typer.Typer()


@app.command(
    "compare",
    epilog="Example: posttrain compare runs/first:dpo runs/first:sft --data prompts.jsonl --by judge "
    "gpt-4.1@https://api.openai.com/v1 --set key_from=OPENAI_API_KEY --out compare/dpo-sft",
)
def compare_command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="A B [JUDGE]",
            help="Two models: each a folder, a hub id, RUN:STAGE (a stage of a run, or base), name@http://host/v1, or "
            "a file of saved answers. With --by reward a reward model follows, with --by judge name@http://host/v1.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="Who decides: suite, reward, judge or people.")] = "suite",
    out: Annotated[
        Path | None, typer.Option(help="The folder to write: comparison.json, pairs.jsonl, the answers.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="The prompts; with --by suite the rows of one suite.")] = None,
    suite: Annotated[
        Path | None, typer.Option(help="--by suite: a YAML file with `suites`, as in a recipe, instead of --data.")
    ] = None,
    kind: Annotated[str, typer.Option(help="--by suite: the kind of the suite of --data.")] = "answers",
    metrics: Annotated[
        list[str], typer.Option(help="--by suite: a metric of a suite of kind answers; repeatable.")
    ] = [],  # noqa: B006
    set_: Annotated[
        list[str],
        typer.Option("--set", help="Another key: of the suite (rows=9), or of the judge (key_from=..., template=...)."),
    ] = [],  # noqa: B006
    human: Annotated[
        str | None,
        typer.Option(help="--by judge, reward: people's rankings of the same answers, for the judge's agreement."),
    ] = None,
    ranked: Annotated[
        str | None, typer.Option("--from", help="People's rankings of the pairs that --by people wrote.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="--from: key.json; the one beside the rankings if unset.")] = None,
    server: Annotated[
        list[str], typer.Option(help="A setting of requests to servers that are A or B: key_from=..., concurrency=16.")
    ] = [],  # noqa: B006
    max_new_tokens: Annotated[int, typer.Option(help="Longer answers are cut (not --by suite).", min=1)] = 256,
    temperature: Annotated[float, typer.Option(help="Of sampling; 0: greedy (not --by suite).", min=0)] = 0.0,
    rows: Annotated[int | None, typer.Option(help="Use only the first rows (not --by suite).", min=1)] = None,
    template: Annotated[str | None, typer.Option(help="Chat template of local models; their own if unset.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of sampled answers, blind orders and bootstrap draws.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare two models on the same prompts: by suite, by a reward model, by a judge, or by people."""
    questions = (data, suite, kind, tuple(metrics), tuple(set_))
    people = (human, ranked, key)
    local = {"template": template, "device": device, "precision": precision}
    sampling = {"max_new_tokens": max_new_tokens, "temperature": temperature, "rows": rows}
    given = (tuple(server), local, sampling, seed, as_json)
    request = checked_request(ComparisonRequest(tuple(models or ()), by, out, *questions, *people, *given))
    from posttrain.cli.compare_work import compare_and_show

    compare_and_show(request)
