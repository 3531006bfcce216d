"""The data sets that a configuration of LLaMA-Factory names: they are described in `dataset_info.json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posttrain.convert.keys import Outcome, PeerConfig
from posttrain.convert.sources import joined, source_of, sources_of
from posttrain.errors import InputError

INFO = "dataset_info.json"

_ALPACA = {"prompt": "instruction", "query": "input", "response": "output", "history": "history"}
_SHAREGPT = {"messages": "conversations"}
_BOTH = {"system": "system", "tools": "tools", "chosen": "chosen", "rejected": "rejected", "kto_tag": "label"}
"""Their names of columns → standard names."""

_TAGS = {
    "role_tag": {"from", "role"},
    "content_tag": {"value", "content"},
    "user_tag": {"human", "user"},
    "assistant_tag": {"gpt", "assistant"},
    "observation_tag": {"observation", "tool"},
    "function_tag": {"function_call"},
    "system_tag": {"system"},
}
"""The names of keys and roles that are read in conversations."""


def data_of(config: PeerConfig, key: str) -> Outcome:
    """The data sources of the named data sets.

    Raises:
        InputError: there is no `dataset_info.json`, or it does not describe a data set.
    """
    names = config.names(key)
    if not names:
        return Outcome()
    most = config.count("max_samples") or None
    if config.get("dataset_dir") == "ONLINE":
        return joined([sources_of(name, rows=most) for name in names])
    folder, described = _described(config, key)
    missing = [name for name in names if not isinstance(described.get(name), dict)]
    if missing:
        raise InputError(f"{config.where(key)}: {folder / INFO} does not describe {', '.join(missing)}; add it there")
    return joined([_sources(described[name], folder, config, most) for name in names])


def _described(config: PeerConfig, key: str) -> tuple[Path, Mapping[str, Any]]:
    """The folder of the data sets, and the content of its `dataset_info.json`."""
    named = Path(str(config.get("dataset_dir")))
    folders = [named, config.path.parent / named, config.path.parent]
    folder = next((folder for folder in folders if (folder / INFO).is_file()), None)
    if folder is None:
        raise InputError(
            f"{config.where(key)}: there is no {named / INFO}, which describes the data sets; run the command in the "
            f"folder where you ran llamafactory-cli, or put {INFO} beside the configuration"
        )
    try:
        described = json.loads((folder / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / INFO}: cannot be read as JSON ({error}); correct it") from error
    if not isinstance(described, dict):
        raise InputError(f"{folder / INFO}: must be an object from the name of each data set to its description")
    return folder, described


def _sources(info: Mapping[str, Any], folder: Path, config: PeerConfig, most: int | None) -> Outcome:
    """The sources of one data set."""
    columns, lost = _columns(info, config)
    counts = [n for n in (info.get("num_samples"), most) if isinstance(n, int) and n > 0]
    rows = min(counts, default=None)
    if isinstance(drawn := info.get("num_samples"), int) and drawn > 0:
        lost = "; ".join(filter(None, [lost, f"num_samples draws {drawn} rows at random; `rows` takes the first ones"]))
    if isinstance(hub := info.get("hf_hub_url"), str):
        outcome = sources_of(
            hub,
            folder=info.get("folder"),
            subset=info.get("subset"),
            split=info.get("split"),
            columns=columns,
            rows=rows,
        )
    elif isinstance(file := info.get("file_name"), str):
        outcome = Outcome([source_of((folder / file).as_posix(), columns, rows)])
    else:
        place = next(
            (key for key in ("ms_hub_url", "om_hub_url", "script_url", "cloud_file_name") if key in info), INFO
        )
        raise InputError(f"{folder / INFO}: {config.get('dataset')}: {place} is not read; write the rows to a file")
    return Outcome(outcome.value, lost="; ".join(filter(None, [outcome.lost, lost])))


def _columns(info: Mapping[str, Any], config: PeerConfig) -> tuple[dict[str, str], str]:
    """Standard name → the name in the file, and what is lost."""
    conversations = info.get("formatting") == "sharegpt"
    standard = {**(_SHAREGPT if conversations else _ALPACA), **_BOTH}
    written = info.get("columns")
    theirs: Mapping[str, str] = written if isinstance(written, dict) else {}
    columns = {standard[key]: name for key, name in theirs.items() if key in standard}
    media = sorted(set(theirs) & {"images", "videos", "audios"})
    lost = [f"the columns {', '.join(media)}: rows hold text alone"] if media else []
    tags = info.get("tags")
    if isinstance(tags, dict):
        other = sorted(str(value) for key, value in tags.items() if str(value) not in _TAGS.get(key, {str(value)}))
        lost += [f"conversations with the keys or roles {', '.join(other)} are not read; rename them"] if other else []
    if config.get("stage") == "pt":
        columns = {"text": columns.get("instruction", "text")}
    elif config.kind == "ppo" and not conversations:
        kept = {name: theirs for name, theirs in columns.items() if name in ("input", "system", "tools")}
        columns = {"prompt": columns.get("instruction", "instruction"), **kept}
    elif config.kind == "ppo":
        lost.append("PPO reads prompts: write the conversations up to the open answer as `prompt`")
    return columns, "; ".join(lost)
