"""The data sets of a configuration of TRL, which `datasets.load_dataset` loads."""

from pathlib import Path
from typing import Any

from posttrain.convert.keys import Outcome, PeerConfig, Values
from posttrain.convert.sources import is_local, joined, sources_of
from posttrain.errors import InputError

_KEYS_OF_SETS = {"path", "data_files", "data_dir", "name", "split"}
_LOST_OF_SETS = {
    "columns": "`columns` of a data set: all columns are read; remove those that are not wanted from the file",
    "fraction": "`fraction` of a data set: set `rows` of each source",
}


def trl_data_of(config: PeerConfig) -> Outcome:
    """The data sources of `datasets`, or of `dataset_name`."""
    split = str(config.get("dataset_train_split"))
    if sets := config.get("datasets"):
        if not isinstance(sets, list) or not all(isinstance(item, dict) and "path" in item for item in sets):
            raise InputError(f"{config.where('datasets')}: must be a list of data sets, each with a `path`")
        outcome = joined([_one_set(item) for item in sets])
    elif (name := config.get("dataset_name")) is not None:
        outcome = joined([sources_of(str(name), subset=config.get("dataset_config"), split=split)])
    else:
        return Outcome()
    return Outcome(_with_text_column(config, outcome.value), outcome.remark, outcome.lost)


def _one_set(item: Values) -> Outcome:
    outcome = sources_of(
        str(item["path"]),
        files=item.get("data_files"),
        folder=item.get("data_dir"),
        subset=item.get("name"),
        split=item.get("split"),
    )
    reasons = [outcome.lost, *(text for key, text in _LOST_OF_SETS.items() if item.get(key) is not None)]
    other = sorted(set(item) - _KEYS_OF_SETS - _LOST_OF_SETS.keys())
    reasons += [f"keys of a data set without a counterpart: {', '.join(other)}"] if other else []
    return Outcome(outcome.value, lost="; ".join(filter(None, reasons)))


def _with_text_column(config: PeerConfig, value: Any) -> Any:
    """The sources, with the name of the column that holds plain text, if it is another than `text`."""
    column = config.get("dataset_text_field")
    if config.kind != "sft" or column in (None, "text"):
        return value
    sources = value if isinstance(value, list) else [value]
    named = [item if isinstance(item, dict) else {"path": item} for item in sources]
    named = [{**item, "columns": {**item.get("columns", {}), "text": column}} for item in named]
    return named[0] if len(named) == 1 else named


def trl_validation_of(config: PeerConfig) -> Outcome:
    """The held-out rows: a share, or the test split."""
    if config.get("test_split_size") is not None:
        return Outcome(config.number("test_split_size"))
    if str(config.get("eval_strategy")) == "no" or config.get("dataset_name") is None:
        return Outcome()
    name, split = str(config.get("dataset_name")), str(config.get("dataset_test_split"))
    outcome = joined([sources_of(name, subset=config.get("dataset_config"), split=split)])
    if is_local(name) and not Path(name).expanduser().is_dir():
        return Outcome(lost="name the held-out file as `validation`, or a share of the rows such as 0.05")
    return outcome
