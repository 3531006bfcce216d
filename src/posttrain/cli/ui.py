"""`posttrain ui`: the runs in a browser, live, beside the ranking app."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.annotate import Host, Oidc, OidcClient, Proxy, Secure
from posttrain.cli.options import DEFAULT_DB, Database
from posttrain.cli.serve import Context, Precision, Template, Trust

app = typer.Typer()


@app.command("ui", epilog="Example: posttrain ui runs --port 8600")
def ui_command(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the runs, or a run.")] = Path("runs"),
    db: Database = DEFAULT_DB,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8600,
    secure: Secure = False,
    proxy: Proxy = None,
    oidc: Oidc = None,
    oidc_client: OidcClient = None,
    context: Context = None,
    template: Template = None,
    device: Annotated[
        str, typer.Option(help="Of the models that answer: cpu leaves the GPU to training; or auto, cuda, cuda:1, mps.")
    ] = "cpu",
    precision: Precision = "auto",
    trust_remote_code: Trust = False,
) -> None:
    """Show runs in a browser: verdicts, a run at work with its curves, and the models of a run side by side.

    The ranking app is part of it, with the same people; owners, admins and viewers see the runs. While there is no
    owner, the command prints a link to sign up as the owner.
    """
    from posttrain.cli.ui_work import show_runs

    place = {"device": device, "precision": precision, "trust_remote_code": trust_remote_code}
    app_options = {"secure": secure, "proxy": proxy, "oidc": oidc, "oidc_client": oidc_client}
    show_runs(folder, db, host, port, app_options=app_options, context=context, template=template, place=place)
