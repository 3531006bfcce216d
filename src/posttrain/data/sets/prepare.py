"""A stage's data becomes token stores: rows are read, split, encoded and counted in one pass, without holding them."""

from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from posttrain.data.chat.encode import encode_example
from posttrain.data.chat.renderer import Renderer
from posttrain.data.example import Example
from posttrain.data.files.read import read_rows
from posttrain.data.formats.conventions import Kind
from posttrain.data.formats.examples import read_examples
from posttrain.data.options import DataOptions, DataSource
from posttrain.data.sets.split import TRAIN, VALIDATION, prompt_key
from posttrain.data.sets.store import GroupStore, StoreWriter
from posttrain.data.skipped import SkipReason, Skips
from posttrain.data.summary import DataSummary, PartSize, TaskSize
from posttrain.errors import InputError
from posttrain.files import is_sound, read_json, seal, whole_folder, write_json

NOTE_ROWS = 256
"""Rows between two calls of `on_rows`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stage's data as tokens.

    Args:
        train: the groups to train on.
        held_out: the groups to evaluate on, by part; empty parts are absent.
        summary: what was read, kept, changed and skipped (``data.json``).
    """

    train: GroupStore
    held_out: dict[str, GroupStore]
    summary: DataSummary

    @property
    def task_of(self) -> list[int]:
        """For each training group, the index of its task in ``summary.tasks``."""
        return read_json(self.train.folder / "tasks.json")


def prepare(
    options: DataOptions,
    renderer: Renderer,
    folder: Path,
    *,
    kind: Kind,
    part_of: Callable[[Example], str],
    base: Path,
    on_rows: Callable[[int], None] = lambda n: None,
) -> Prepared:
    """Read, split and encode the rows into `folder`. If the folder exists and is undamaged, it is only opened.

    Args:
        part_of: the part of a row of `data` (see `split.part_of`). Rows of `validation` are all held out, and rows
            that share a prompt with them are not trained on.
        base: folder that relative paths start from.
        on_rows: called from time to time with the number of rows read.

    Raises:
        InputError: the data are malformed, no row is left to train on, or the validation sources have no row.
    """
    if not is_sound(folder):
        with whole_folder(folder) as target:
            rows = by_part(options, kind, part_of, base, skips := Skips(), on_rows)
            _write(rows, renderer, target, skips, options)
    summary = DataSummary.from_json(read_json(folder / "data.json"))
    stores = {part: GroupStore(folder / part) for part in summary.parts}
    return Prepared(stores.pop(TRAIN), stores, summary)


def by_part(
    options: DataOptions,
    kind: Kind,
    part_of: Callable[[Example], str],
    base: Path,
    skips: Skips,
    on_rows: Callable[[int], None] = lambda n: None,
) -> Iterator[tuple[str, DataSource, Example]]:
    """Every example of a stage's data, with its part and source. A row without a task gets its source as the task.

    See `prepare` for the arguments.
    """
    held_out = options.validation if isinstance(options.validation, tuple) else ()
    held_prompts: set[int] = set()
    count = 0
    for source, fixed in [*((s, VALIDATION) for s in held_out), *((s, None) for s in options.data)]:
        rows = islice(read_rows(source.path, base=base), source.rows)
        for example in read_examples(rows, kind, source.columns, task=source.task or source.path, skipped=skips):
            count += 1
            if count % NOTE_ROWS == 0:
                on_rows(count)
            part = fixed or part_of(example)
            if held_out and part in {TRAIN, VALIDATION}:
                prompt = hash(prompt_key(example))
                if fixed:
                    held_prompts.add(prompt)
                elif prompt in held_prompts:
                    skips.add(SkipReason.PROMPT_HELD_OUT, example.where)
                    continue
            yield part, source, example


def check_parts(options: DataOptions, parts: Container[str], skips: Skips) -> None:
    """Refuse empty training data, and empty validation sources that the recipe names.

    Raises:
        InputError: they are empty; the error gives the reasons why rows were skipped.
    """
    required = {TRAIN: ("data", "train on"), VALIDATION: ("validation", "evaluate on")}
    for part, (key, purpose) in required.items():
        if part not in parts and (part == TRAIN or isinstance(options.validation, tuple)):
            why = "; ".join(skips.lines()) or ("All are held out" if key == "data" else "The sources are empty")
            raise InputError(f"{key}: no row is left to {purpose}. {why}")


def _write(
    rows: Iterator[tuple[str, DataSource, Example]],
    renderer: Renderer,
    folder: Path,
    skips: Skips,
    options: DataOptions,
) -> None:
    writers: dict[str, StoreWriter] = {}
    weights: dict[str, float] = {}
    number: dict[str, int] = {}
    task_of: list[int] = []
    for part, source, example in rows:
        group = encode_example(example, renderer)
        if isinstance(group, SkipReason):
            skips.add(group, example.where)
            continue
        if part not in writers:
            writers[part] = StoreWriter(folder / part)
        writers[part].add(group)
        if part == TRAIN:
            task = example.task or source.path
            if weights.setdefault(task, source.weight) != source.weight:
                raise InputError(
                    f"data: task {task} has weight {weights[task]:g} in one source and {source.weight:g} in "
                    f"{source.path}; give it one weight"
                )
            task_of.append(number.setdefault(task, len(number)))
    check_parts(options, writers, skips)
    for writer in writers.values():
        writer.close()
    counts = Counter(task_of)
    ordered = sorted(writers.items(), key=lambda item: item[0] != TRAIN)
    write_json(folder / TRAIN / "tasks.json", task_of)
    summary = DataSummary(
        parts={part: PartSize(w.count, w.tokens, w.loss_tokens) for part, w in ordered},
        tasks=tuple(TaskSize(name, counts[i], weight) for i, (name, weight) in enumerate(weights.items())),
        skipped=skips.by_reason(),
        noted=dict(renderer.seen),
        turns=dict(renderer.turns),
        unread=dict(skips.unread),
        max_length=renderer.max_length,
    )
    write_json(folder / "data.json", summary.as_json())
    seal(folder)
