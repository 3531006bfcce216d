"""Where each model comes from: the data files, the stages and the models of a run, with their hashes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.report.record import RunRecord, StageRecord

SHORT = 8
"""The characters of a short hash."""


@dataclass(frozen=True, slots=True)
class DataNode:
    """A data file that a stage read: its name, its short hash, and what it served for."""

    name: str
    hash: str
    role: str


@dataclass(frozen=True, slots=True)
class StageNode:
    """A stage in the graph.

    Args:
        model: short hash of its model's weights; None if it made none.
        sources: the stages whose model or data it uses; "" is the model that the recipe names.
    """

    name: str
    kind: str
    state: str
    data: tuple[DataNode, ...]
    model: str | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The graph of a run: the model at its start, and the stages in their order."""

    base: str
    base_hash: str
    stages: tuple[StageNode, ...]


def lineage(run: RunRecord) -> Lineage:
    """The graph of a run."""
    base, known = _label(str(run.recipe.get("model", "start model"))), str(run.manifest.get("model", ""))
    names = [stage.name for stage in run.stages]
    short = known[:SHORT] if len(known) == 64 else ""
    return Lineage(base, short, tuple(_node(run, stage, names) for stage in run.stages))


def _node(run: RunRecord, stage: StageRecord, names: list[str]) -> StageNode:
    used = [name for name in dict.fromkeys(_used(stage.options)) if name in names and name != stage.name]
    starts_from_base = stage.start is None and "model" in stage.options and stage.kind not in ("audit", "rank")
    return StageNode(
        stage.name,
        stage.kind,
        stage.state,
        tuple(_data(run, stage)),
        stage.weights[:SHORT] if stage.weights else None,
        (*([""] if starts_from_base else []), *used),
    )


def _data(run: RunRecord, stage: StageRecord) -> list[DataNode]:
    """The files of a stage; those of the suites are in the manifest's list."""
    hashes: Mapping[str, Any] = {**run.manifest.get("data", {}), **stage.content}
    found: dict[str, DataNode] = {}
    for key, role in (("data", "trains"), ("validation", "held out"), ("against", "compared")):
        for path in _paths(stage.options.get(key)):
            if path not in {other.name for other in run.stages}:
                found.setdefault(path, DataNode(path, _hash_of(path, hashes), role))
    return list(found.values())


def _label(path: str) -> str:
    """A name that fits into a box: of an absolute path, the last part."""
    return Path(path).name if Path(path).is_absolute() else path


def _hash_of(path: str, hashes: Mapping[str, Any]) -> str:
    if path in hashes:
        return str(hashes[path])[:SHORT]
    inside = [name for name in hashes if name.startswith(path.rstrip("/") + "/")]
    return str(hashes[inside[0]])[:SHORT] if len(inside) == 1 else f"{len(inside)} files" if inside else ""


def _paths(sources: Any) -> list[str]:
    if not isinstance(sources, list | tuple):
        return []
    return [str(source["path"]) for source in sources if isinstance(source, dict) and "path" in source]


def _used(value: Any, key: str = "") -> list[str]:
    """The texts of all keys that can name a stage."""
    if isinstance(value, dict):
        return [text for name, inner in value.items() for text in _used(inner, str(name))]
    if isinstance(value, list):
        return [text for inner in value for text in _used(inner, key)]
    return [value] if isinstance(value, str) and key in ("model", "models", "path", "data") else []
