"""The work of `posttrain serve`: load the models, and serve them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer

from posttrain.api.models import opened_model
from posttrain.api.recipes import checked_options
from posttrain.console import Screen
from posttrain.data.chat.renderer import Renderer
from posttrain.listen import listen, url_of
from posttrain.pipeline.run_models import named_models
from posttrain.policy.load import Policy
from posttrain.policy.options import PolicyOptions
from posttrain.serve.routes import ServerLimits
from posttrain.serve.served import ServedModel, served_models
from posttrain.serve.start import KEY, read_server_key, serve_models


def serve_named(
    names: Sequence[str],
    host: str,
    port: int,
    *,
    rows: int,
    context: int | None,
    template: str | None,
    place: Mapping[str, Any],
) -> None:
    """Serve models by their names until the process is stopped.

    Args:
        place: device, precision and trust_remote_code.
    """
    key = read_server_key(host)
    listener = listen(host, port)  # an error of the address comes before the models are loaded
    url = f"{url_of(host, listener)}/v1"
    models = load_named(names, context=context, template=template, place=place)

    def announce() -> None:
        typer.echo(f"Serving {', '.join(models)} at {url}; stop it with Ctrl-C.")
        sent = "" if key is None else f' -H "Authorization: Bearer ${KEY}"'
        typer.echo(f"Try: curl {url}/chat/completions{sent} -H 'Content-Type: application/json' -d '{_body(models)}'")
        typer.echo("For production loads, serve a stage's model folder with vLLM.")

    serve_models(models, listener, key, ServerLimits(rows=rows), announce)


def load_named(
    names: Sequence[str], *, context: int | None, template: str | None, place: Mapping[str, Any]
) -> dict[str, ServedModel]:
    """Load models by their names; see `named_models`.

    Raises:
        InputError: a model cannot be loaded or served.
    """
    return served_models(named_models(names), model_opener(template, place), context)


def model_opener(template: str | None, place: Mapping[str, Any]) -> Callable[[str], tuple[Policy, Renderer]]:
    """Loads a model's folder or hub id, and says so on the screen.

    Args:
        place: device, precision and trust_remote_code.
    """
    screen = Screen()
    options = checked_options(PolicyOptions, dict(place))

    def opened(folder: str) -> tuple[Policy, Renderer]:
        screen.note(f"loading {folder}")
        model = opened_model(folder, options, template=template)
        return model.policy, model.renderer

    return opened


def _body(models: Mapping[str, ServedModel]) -> str:
    return json.dumps({"model": next(iter(models)), "messages": [{"role": "user", "content": "Hello"}]})
