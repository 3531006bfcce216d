"""Candidates from files: a prompt with several completions. Rows of the same prompt become one group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.data.example import Example
from posttrain.data.files.read import read_rows
from posttrain.data.files.strict_json import kind_of
from posttrain.data.formats.examples import read_examples
from posttrain.data.formats.tool_calls import structure
from posttrain.data.options import DataSource
from posttrain.data.sets.prompts import prompt_column
from posttrain.data.sets.split import request_key
from posttrain.data.skipped import Skips
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A completion to score, and its writer.

    Args:
        id: its name in its row.
        model: the name of its writer; None if its row names none.
        params_hash: the settings of its writer, as ``params.json`` of a `candidates` stage lists them.
    """

    id: str
    text: str
    model: str | None
    params_hash: str | None


@dataclass(frozen=True, slots=True)
class CandidateGroup:
    """A prompt with its candidates.

    Args:
        example: the prompt as it was read first, with the columns of its row.
        candidates: completions with different texts.
    """

    example: Example
    candidates: tuple[Candidate, ...]

    @property
    def row(self) -> dict[str, Any]:
        """The row that rewards read: the prompt and the columns beside the candidates."""
        columns = {name: value for name, value in self.example.row.items() if name != "candidates"}
        return {"prompt": prompt_column(self.example.prompt), **columns}


@dataclass(frozen=True, slots=True)
class CandidateData:
    """What was read.

    Args:
        skips: rows that hold no prompt, by reason.
        noted: what was changed → number of rows.
    """

    groups: list[CandidateGroup]
    skips: Skips
    noted: Mapping[str, int]


def read_candidate_groups(sources: Sequence[DataSource], base: Path) -> CandidateData:
    """Read the candidates of all sources. Equal texts of a prompt count once.

    Raises:
        InputError: a row has no prompt or no candidates; the message names file and line.
    """
    skips, merged, repeated = Skips(), 0, 0
    groups: dict[str, CandidateGroup] = {}
    for source in sources:
        rows = islice(read_rows(source.path, base=base), source.rows)
        for example in read_examples(rows, "prompt", source.columns, task=source.task, skipped=skips):
            given = _candidates(example)
            key = request_key(example)
            before = groups.get(key)
            if before is not None:
                merged += 1
                given = [*before.candidates, *given]
            different = list({candidate.text: candidate for candidate in reversed(given)}.values())[::-1]
            repeated += len(given) - len(different)
            if before is not None:  # ids of several rows may be equal
                different = [replace(candidate, id=f"c{number}") for number, candidate in enumerate(different, 1)]
            groups[key] = CandidateGroup(example if before is None else before.example, tuple(different))
    noted = {"joined to an earlier row with the same prompt": merged, "a candidate's text was repeated": repeated}
    return CandidateData(list(groups.values()), skips, {what: count for what, count in noted.items() if count})


def _candidates(example: Example) -> list[Candidate]:
    where = example.where
    if "candidates" not in example.row:
        raise InputError(
            f"{where}: no column `candidates`; `pick` reads rows of prompt and candidates [{{id, text}}, ...], as the "
            f"stage `candidates` and `posttrain generate` write them. The row has {', '.join(example.row)}"
        )
    items = structure(example.row["candidates"], f"{where}: candidates")
    if not isinstance(items, list | tuple) or not items:
        raise InputError(f"{where}: candidates must be a list of objects {{id, text}}, this is {kind_of(items)}")
    candidates: dict[str, Candidate] = {}
    for index, item in enumerate(items):
        place = f"{where}: candidates[{index}]"
        if not isinstance(item, Mapping) or not isinstance(item.get("text"), str) or item.get("id") is None:
            raise InputError(f"{place} must be an object {{id, text}} with a string text")
        if item.get("turns") is not None:
            raise InputError(f"{place}: rewards score one text, and this candidate has several messages; drop the row")
        name = str(item["id"])
        if name in candidates:
            raise InputError(f"{place}: the id `{name}` occurs twice")
        model, params = (None if item.get(key) is None else str(item[key]) for key in ("model", "params_hash"))
        candidates[name] = Candidate(name, item["text"], model, params)
    return list(candidates.values())
