"""Logs of Inspect: ``.eval``, a zip file of JSON files, and ``.json``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import pyarrow

from posttrain.errors import InputError
from posttrain.evaluate.estimates import Result
from posttrain.evaluate.imported.types import (
    ImportedEvaluation,
    imported_result,
    optional_text,
    read_foreign_json,
    suite_name,
    text_of_prompt,
)
from posttrain.evaluate.measures import Better
from posttrain.evaluate.sample import Sample

TOOL = "Inspect"

ZSTANDARD = 93
"""The number of the compression in zip files; Python reads it from version 3.14 on."""

_ATTACHMENT = "attachment://"
_SCORES: Mapping[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's scores as texts: correct, incorrect, partial, no answer."""
_WORDS: Mapping[str, float] = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_MEANS = ("accuracy", "mean")
_SPREADS = ("stderr", "bootstrap_stderr", "std", "var")


def is_inspect_log(document: Any) -> bool:
    """Whether a JSON document is a log."""
    return isinstance(document, dict) and {"eval", "status", "version"} <= document.keys()


def read_inspect_zip(path: Path) -> dict[str, Any]:
    """The log in an ``.eval`` file, with its samples.

    Raises:
        InputError: the file is no zip file, the evaluation did not end, or it is in a form that is not read.
    """
    try:
        with ZipFile(path) as file:
            members = {info.filename: info for info in file.infolist()}
            if "header.json" not in members:
                raise InputError(f"{path}: has no header.json: the evaluation did not end")
            log = read_foreign_json(path, _content(file, members["header.json"]))
            names = [name for name in members if name.startswith("samples/")]
            if any(name.count("/") > 1 for name in names):
                raise InputError(f"{path}: its samples are in chunks; run `inspect log convert --to json` first")
            log["samples"] = [read_foreign_json(path, _content(file, members[name])) for name in names]
    except (BadZipFile, OSError) as error:
        raise InputError(f"{path}: is no whole zip file ({error})") from error
    return log


def _content(file: ZipFile, info: ZipInfo) -> bytes:
    """A member of the zip file."""
    if info.compress_type != ZSTANDARD:
        return file.read(info)
    stream: Any = file.fp
    stream.seek(info.header_offset + 26)  # the lengths of name and extra field in the local header
    lengths = stream.read(4)
    stream.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
    packed = pyarrow.BufferReader(stream.read(info.compress_size))
    return bytes(pyarrow.CompressedInputStream(packed, "zstd").read())


def read_inspect_log(path: Path, log: Mapping[str, Any]) -> ImportedEvaluation:
    """The results of the task, and its samples.

    Raises:
        InputError: the evaluation did not succeed.
    """
    if log["status"] != "success":
        raise InputError(f"{path}: the evaluation has the status {log['status']!r}, not success")
    about = log["eval"]
    suite = suite_name(about["task"])
    found = sorted((_sample(sample) for sample in log.get("samples") or ()), key=_order)
    values = [*_reported(log.get("results") or {})]
    results: dict[str, Result] = {}
    for name, value, error, n, better in values:
        key = suite if len(values) == 1 else f"{suite}/{name}"
        results[key] = imported_result(name, value, error, n, better, found, unit_known=name.count(".") == 0)
    version = (about.get("packages") or {}).get("inspect_ai")
    samples = {suite: found} if found else {}
    return ImportedEvaluation(TOOL, version, str(about["model"]), str(about["created"]), path, results, samples)


def _reported(results: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any, int, Better]]:
    """(name, value, standard error, n, direction): a scorer's mean has its name; others ``scorer.metric``."""
    scores: Sequence[Mapping[str, Any]] = results.get("scores") or ()
    names = [str(score["name"]) for score in scores]
    for score, name in zip(scores, names, strict=True):
        own = name if names.count(name) == 1 else f"{name}.{score.get('reducer')}"
        metrics = {key: metric.get("value") for key, metric in (score.get("metrics") or {}).items()}
        n = score.get("scored_samples")
        count = int(results.get("completed_samples", 0) if n is None else n)
        mean = next((key for key in _MEANS if key in metrics), None)
        error = next((metrics[key] for key in _SPREADS[:2] if key in metrics), None)
        for key, value in metrics.items():
            if key == mean:
                yield own, value, error, count, "higher"
            elif mean is None or key not in _SPREADS:
                yield f"{own}.{key}", value, None, count, "neither"


def _sample(sample: Mapping[str, Any]) -> Sample:
    attachments = sample.get("attachments") or {}
    metadata = sample.get("metadata")
    target = sample.get("target")
    return Sample(
        id=str(sample["id"]),
        repeat=int(sample.get("epoch", 1)) - 1,
        slice=optional_text(metadata, "slice"),
        group=optional_text(metadata, "group_id"),
        question=_attached(text_of_prompt(sample.get("input")), attachments),
        target=_attached(target, attachments) if isinstance(target, str) else target,
        answer=_attached(_completion(sample.get("output") or {}), attachments),
        values=dict(_values(sample.get("scores") or {})),
        expected=optional_text(metadata, "expected_behavior"),
    )


def _order(sample: Sample) -> tuple[int, str, int]:
    """Numbers in their order, then texts, as Inspect sorts samples."""
    number = sample.id.isascii() and sample.id.isdecimal()
    return (int(sample.id) if number else 2**63, sample.id, sample.repeat)


def _completion(output: Mapping[str, Any]) -> str:
    if output.get("completion"):
        return str(output["completion"])
    choices = output.get("choices") or ()
    return text_of_prompt([choices[0]["message"]]) if choices else ""


def _values(scores: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """The numbers of a sample's scores; a score of several values has each under its own name."""
    for name, score in scores.items():
        value = score.get("value")
        if isinstance(value, dict):
            yield from ((str(key), _number(part)) for key, part in value.items())
        else:
            yield name, _number(value)


def _number(value: Any) -> float | None:
    """A score as a number, as Inspect converts it; None where there is none."""
    if isinstance(value, int | float):
        return None if value != value else float(value)
    if not isinstance(value, str):
        return None
    if value in _SCORES:
        return _SCORES[value]
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    try:
        return float(value)
    except ValueError:
        return None


def _attached(text: str, attachments: Mapping[str, str]) -> str:
    """A long text is kept among the sample's attachments, under its hash."""
    return attachments.get(text.removeprefix(_ATTACHMENT), text) if text.startswith(_ATTACHMENT) else text
