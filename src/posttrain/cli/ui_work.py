"""The work of `posttrain ui`: the ranking app with the pages of runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from posttrain.annotate.serve import serve_app
from posttrain.cli.serve_work import model_opener
from posttrain.errors import InputError
from posttrain.serve.served import ServedModel, served_models
from posttrain.ui.loaded_models import LoadedModels
from posttrain.ui.section import runs_section


def show_runs(
    folder: Path,
    db: str,
    host: str,
    port: int,
    *,
    app_options: Mapping[str, Any],
    context: int | None,
    template: str | None,
    place: Mapping[str, Any],
) -> None:
    """Serve the pages until the process is stopped.

    Args:
        app_options: of the ranking app: secure, proxy, oidc and oidc_client.
        place: device, precision and trust_remote_code of the models that answer.

    Raises:
        InputError: there is no such folder, or the address is not available.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; name the one that holds your runs")
    opened = model_opener(template, place)

    def loaded(name: str, where: str) -> ServedModel:
        return served_models({name: where}, opened, context)[name]

    section = runs_section(folder, LoadedModels(loaded))
    serve_app(db, host, port, **app_options, announce=typer.echo, sections=[section])
