"""The models of runs that answer on the pages. A model is loaded when it first answers."""

import gc
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from posttrain.annotate.problems import Problem
from posttrain.serve.answering import Requests
from posttrain.serve.served import ServedModel

MOST = 4
"""Models kept in memory; the one that has not answered for the longest time makes room."""

ROWS = 4
"""Answers of one model that are generated at once."""

WAITING = 32
"""Answers of one model in progress or waiting, at most."""

Stamp = tuple[int, int] | None
"""Tells a folder from another one that took its place; None for a hub id."""


class ModelsBusy(Problem):
    """Too many answers are in progress."""

    status = 503


@dataclass(eq=False, slots=True)
class LoadedModel:
    """A model, the engine that answers with it, and the number of answers that need it."""

    served: ServedModel
    requests: Requests
    users: int = 1


class LoadedModels:
    """The models in memory. All methods may be called from any thread.

    Args:
        opened: loads a model by its name and its folder or hub id.
    """

    def __init__(self, opened: Callable[[str, str], ServedModel]) -> None:
        self._opened = opened
        self._models: OrderedDict[tuple[str, Stamp], LoadedModel] = OrderedDict()
        self._lock, self._loading = Lock(), Lock()

    def take(self, name: str, place: str) -> LoadedModel:
        """A model, which is loaded if it is not in memory. It stays there until it is released.

        Raises:
            InputError: it cannot be loaded, or does not answer.
            ModelsBusy: it has too many answers to give, or all models in memory are answering.
        """
        key = place, _stamp(place)
        if (model := self._in_memory(key)) is not None:
            return model
        with self._loading:
            if (model := self._in_memory(key)) is not None:  # another thread has loaded it
                return model
            self._make_room(place)
            served = self._opened(name, place)
            model = LoadedModel(served, Requests({served.name: served}, ROWS))
            with self._lock:
                self._models[key] = model
            return model

    def release(self, model: LoadedModel) -> None:
        """One answer needs the model no more."""
        with self._lock:
            model.users -= 1

    def _in_memory(self, key: tuple[str, Stamp]) -> LoadedModel | None:
        with self._lock:
            model = self._models.get(key)
            if model is None:
                return None
            if not model.requests.engine.alive:
                del self._models[key]
                return None
            if model.users >= WAITING:
                raise ModelsBusy(f"{WAITING} answers of this model are in progress or waiting; try again later")
            self._models.move_to_end(key)
            model.users += 1
            return model

    def _make_room(self, place: str) -> None:
        """Free the models that have not answered for the longest time, and an earlier model of the same folder."""
        with self._lock:
            idle = [key for key, model in self._models.items() if not model.users]
            earlier = [key for key in idle if key[0] == place]
            others = [key for key in idle if key[0] != place]
            leaving = earlier + others[: max(0, len(self._models) - len(earlier) - MOST + 1)]
            if len(self._models) - len(leaving) >= MOST:
                raise ModelsBusy(f"{MOST} models are answering, and no more fit into memory; try again later")
            left = [self._models.pop(key) for key in leaving]
        while left:
            left.pop().requests.engine.close()
        gc.collect()  # an engine and its requests refer to each other


def _stamp(place: str) -> Stamp:
    try:
        found = Path(place).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
