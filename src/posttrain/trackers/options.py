"""The options of experiment trackers."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from posttrain.options import Options


class TensorboardOptions(Options):
    """TensorBoard: event files in ``stages/STAGE/trackers/tensorboard``; ``tensorboard --logdir RUN`` shows them."""


class MlflowOptions(Options):
    """MLflow: one run for each training stage."""

    uri: str | None = Field(
        default=None,
        min_length=1,
        description="the tracking server or store; default: `MLFLOW_TRACKING_URI`, or `sqlite:///mlflow.db`",
    )
    experiment: str = Field(default="posttrain", min_length=1, description="the experiment that holds the runs")


class WandbOptions(Options):
    """Weights & Biases: one run for each training stage."""

    project: str = Field(default="posttrain", min_length=1, description="the project that holds the runs")
    entity: str | None = Field(default=None, min_length=1, description="the user or team that owns the project")
    mode: Literal["offline", "online"] | None = Field(
        default=None, description="whether to send data to the server; default: `WANDB_MODE`, or `offline`"
    )


class TrackioOptions(Options):
    """trackio: one run for each training stage."""

    project: str = Field(default="posttrain", min_length=1, description="the project that holds the runs")
    space: str | None = Field(
        default=None, min_length=1, description="the Hugging Face Space that receives the data; default: this machine"
    )


class TrackersOptions(Options):
    """The experiment trackers of a run: a list of names, or a mapping from each name to its options."""

    tensorboard: TensorboardOptions | None = Field(default=None, description="write TensorBoard's event files")
    mlflow: MlflowOptions | None = Field(default=None, description="report to MLflow")
    wandb: WandbOptions | None = Field(default=None, description="report to Weights & Biases, by default offline")
    trackio: TrackioOptions | None = Field(default=None, description="report to trackio")

    @model_validator(mode="before")
    @classmethod
    def _names_as_a_mapping(cls, values: Any) -> Any:
        """Read `mlflow`, `[tensorboard, mlflow]` and `{mlflow: }` as mappings from names to options."""
        if isinstance(values, Mapping):
            return {name: {} if options is None else options for name, options in values.items()}
        names = [values] if isinstance(values, str) else values
        if not isinstance(names, list | tuple):
            return values
        for name in names:
            if name not in cls.model_fields:
                near = get_close_matches(str(name), list(cls.model_fields), n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"there is no tracker {name}{hint} (trackers: {', '.join(cls.model_fields)})")
        return {name: {} for name in names}

    @model_serializer(mode="wrap")
    def _only_chosen(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the trackers that are not used, since an empty value means the defaults of one that is."""
        return {name: options for name, options in write(self).items() if options is not None}

    def chosen(self) -> Iterator[tuple[str, Options]]:
        """(name, options) of each tracker that the recipe names."""
        for name in type(self).model_fields:
            if (options := getattr(self, name)) is not None:
                yield name, options
