"""The models of runs that answer on the pages. A model is loaded when it first answers."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from posttrain.serve.answering import Requests
from posttrain.serve.served import ServedModel

MOST = 4
"""Models kept in memory; the one that has not answered for the longest time makes room."""

ROWS = 4
"""Answers of one model that are generated at once."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model, and the engine that answers with it."""

    served: ServedModel
    requests: Requests


class LoadedModels:
    """The models in memory. All methods may be called from any thread.

    Args:
        opened: loads a model by its name and its folder or hub id.
    """

    def __init__(self, opened: Callable[[str, str], ServedModel]) -> None:
        self._opened = opened
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()
        self._lock = Lock()

    def ready(self, name: str, place: str) -> LoadedModel:
        """A model, which is loaded if it is not in memory.

        Raises:
            InputError: it cannot be loaded, or does not answer.
        """
        with self._lock:
            if place not in self._models:
                self._make_room()
                served = self._opened(name, place)
                self._models[place] = LoadedModel(served, Requests({served.name: served}, ROWS))
            self._models.move_to_end(place)
            return self._models[place]

    def _make_room(self) -> None:
        """Free the models that have not answered for the longest time, but none that is answering."""
        idle = [place for place, model in self._models.items() if not model.requests.unfinished]
        for place in idle[: max(0, len(self._models) - MOST + 1)]:
            self._models.pop(place).requests.engine.close()
