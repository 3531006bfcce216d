"""Distributes chunks of rows over processes, and yields the results in order."""

import os
import sys
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import chain
from multiprocessing import get_context

from posttrain.audit.rows.convention import Reading
from posttrain.audit.rows.scan import Examined, examine
from posttrain.audit.rows.source import CHUNK, Item
from posttrain.audit.similarity.ngrams import Grams

Task = tuple[list[Item], Reading, int]
"""(rows, reading, index of the first row)."""

_SMALL = 8 * CHUNK
"""Up to this many rows, a second process costs more time than it saves."""

_AHEAD = 4
"""The number of chunks that wait for each process; more chunks would only take memory."""

_grams: Grams | None = None


def examined(tasks: Iterator[Task], grams: Grams | None, workers: int | None = None) -> Iterator[Examined]:
    """Scan each chunk; results come in the order of the chunks.

    Args:
        workers: number of processes; one per core if None.
    """
    first: list[Task] = []
    for task in tasks:
        first.append(task)
        if sum(len(chunk) for chunk, _, _ in first) > _SMALL:
            break
    else:
        workers = 1
    count = workers or os.cpu_count() or 1
    if count == 1:
        _start(grams)
        yield from map(_look, chain(first, tasks))
        return
    context = get_context("spawn")  # a fork would copy the locks of threads that numpy may have started
    with ProcessPoolExecutor(count, context, _start, (grams,)) as pool:
        waiting: deque[Future[Examined]] = deque()
        for task in chain(first, tasks):
            with _main_module_hidden():
                waiting.append(pool.submit(_look, task))
            if len(waiting) >= _AHEAD * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _main_module_hidden() -> Generator[None]:
    """Within this context, a process that starts does not import the program's main file.

    The process does not need that file, and a script without ``if __name__ == "__main__"`` would run a second time.
    """
    main = vars(sys.modules["__main__"])
    hidden = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


def _start(grams: Grams | None) -> None:
    global _grams
    _grams = grams


def _look(task: Task) -> Examined:
    return examine(*task, _grams)
