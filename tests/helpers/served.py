"""A server in this process, over random models."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import openai

from posttrain.api.models import opened_model
from posttrain.data.chat.renderer import Renderer
from posttrain.policy.load import Policy
from posttrain.policy.options import PolicyOptions
from posttrain.serve.routes import ServerLimits
from posttrain.serve.served import ServedModel, served_models
from posttrain.serve.start import background_server

FLOAT32 = PolicyOptions(precision="float32")


LIMITS = ServerLimits()


def open_model(folder: str) -> tuple[Policy, Renderer]:
    """A model in float32, with its renderer."""
    model = opened_model(folder, FLOAT32, template=None)
    return model.policy, model.renderer


def models_in(*folders: Path) -> dict[str, ServedModel]:
    """The models of some folders, by the folders' names."""
    return served_models({folder.name: str(folder) for folder in folders}, open_model, None)


@contextmanager
def served(folders: Sequence[Path], limits: ServerLimits = LIMITS) -> Generator[openai.OpenAI]:
    """OpenAI's own client of a server with these models."""
    with (
        background_server(models_in(*folders), limits) as url,
        openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        yield client
