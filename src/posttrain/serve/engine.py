"""The engine of the server: one thread that decodes for all requests, of one model or of several."""

import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from posttrain.generation.attention import register_generation_attention
from posttrain.generation.cache import Cache
from posttrain.generation.decoding_loop import DecodingLoop, Job
from posttrain.generation.engine import packed_products
from posttrain.generation.request import decoding
from posttrain.policy.load import Policy

SHORT = 256
"""Tokens of completions and prompts for which a model has room at first; more is allocated when a request needs it."""


@dataclass(slots=True)
class _Opened:
    """A model that is ready to decode. Its cache is freed while it has nothing to do."""

    policy: Policy
    loop: DecodingLoop


class ServerEngine:
    """Decodes in a thread of its own. All methods may be called from any thread.

    Args:
        policies: by the models' names.
        rows: completions of one model that are generated at once.
        on_error: called with a job and the error that ended it; with None if the error ended all jobs.

    Raises:
        Exception: what went wrong while the models were made ready.
    """

    def __init__(
        self, policies: Mapping[str, Policy], rows: int, on_error: Callable[[Job | None, BaseException], None]
    ) -> None:
        self._policies, self._rows, self._on_error = policies, rows, on_error
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._opened: dict[str, _Opened] = {}
        self._ended = False
        ready: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="engine", daemon=True)
        self._thread.start()
        if (error := ready.get()) is not None:
            raise error

    @property
    def alive(self) -> bool:
        """Whether the thread decodes."""
        return self._thread.is_alive()

    def submit(self, model: str, job: Job) -> None:
        """Generate a job's completions, beside those in progress."""
        self._calls.put(lambda: self._opened[model].loop.submit(job))

    def cancel(self, model: str, job: Job, branch: int | None = None) -> None:
        """End a job, or one of its completions; nothing happens if it has ended already."""
        self._calls.put(lambda: self._opened[model].loop.cancel(job, branch))

    def load(self) -> tuple[int, int]:
        """The number of completions in progress, and of jobs that wait."""
        loops = [opened.loop for opened in self._opened.values()]
        return sum(len(loop.rows) for loop in loops), sum(len(loop.waiting) for loop in loops)

    def close(self) -> None:
        """End the thread; jobs in progress are lost."""
        self._calls.put(self._end)
        self._thread.join()

    def _end(self) -> None:
        self._ended = True

    def _run(self, ready: "queue.SimpleQueue[BaseException | None]") -> None:
        with torch.no_grad(), ExitStack() as stack:
            try:
                for name, policy in self._policies.items():
                    stack.enter_context(decoding(policy, register_generation_attention()))
                    logits = stack.enter_context(packed_products(policy))
                    self._opened[name] = _Opened(policy, DecodingLoop(policy, self._cache(), logits))
            except BaseException as error:
                ready.put(error)
                return
            ready.put(None)
            try:
                while not self._ended:
                    self._take_calls(wait=not any(opened.loop.busy for opened in self._opened.values()))
                    for opened in self._opened.values():
                        self._step(opened)
            except Exception as error:
                self._on_error(None, error)

    def _take_calls(self, *, wait: bool) -> None:
        """Do what other threads called for; if there is nothing else to do, wait for it."""
        if wait:
            self._calls.get()()
        while not self._calls.empty():
            self._calls.get()()

    def _step(self, opened: _Opened) -> None:
        """One step of a model. An error ends the jobs in progress; those that wait are tried in their turn."""
        loop = opened.loop
        try:
            if loop.busy:
                loop.step()
        except Exception as error:
            failed = dict.fromkeys([*(row.job for row in loop.rows), *loop.slots])
            self._renew(opened)
            for job in failed:
                self._on_error(job, error.with_traceback(None))  # it would keep the old cache in memory
        if not opened.loop.busy and opened.loop.cache.written:
            self._renew(opened)

    def _renew(self, opened: _Opened) -> None:
        """An empty cache, so that the memory of long requests is freed; the jobs that wait go on waiting."""
        waiting = opened.loop.waiting
        opened.loop = DecodingLoop(opened.policy, self._cache(), opened.loop.logits)
        opened.loop.waiting.extend(waiting)

    def _cache(self) -> Cache:
        return Cache(self._rows, SHORT, self._rows, SHORT)
