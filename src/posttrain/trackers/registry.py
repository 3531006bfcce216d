"""The trackers by name. A tracker's package is imported when a stage first reports to it."""

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.trackers.tracker import Tracker

CLIENTS: Mapping[str, str] = {
    "tensorboard": "TensorboardTracker",
    "mlflow": "MlflowTracker",
    "wandb": "WandbTracker",
    "trackio": "TrackioTracker",
}
"""Name of the tracker, of its package, of its extra and of its module here → the class of its client."""

ENVIRONMENT: Mapping[str, str] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Variables that the packages read, unless the user has set them: no reports of their use to their makers, and few
retries, since the default is minutes of retries."""

Open = Callable[[str, Options], Tracker]


def check_installed(name: str) -> None:
    """Refuse a tracker whose package is not installed.

    Raises:
        InputError: with the command that installs it.
    """
    if find_spec(name) is None:
        raise InputError(f"the package {name} is not installed; install it with: pip install 'posttrain[{name}]'")


def open_tracker(name: str, options: Options) -> Tracker:
    """The client of a tracker; its package is imported."""
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    return getattr(import_module(f"posttrain.trackers.{name}"), CLIENTS[name])(options)
