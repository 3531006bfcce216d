"""Send many requests to a server, several at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

from posttrain.endpoint import EndpointOptions, connect

if TYPE_CHECKING:
    from httpx2 import Client

Result = TypeVar("Result")
Sleep = Callable[[float], None]
"""Waits for so many seconds between two tries; it raises if another request failed."""
Request = Callable[["Client", Sleep], Result]
"""A request, which a thread of its own sends."""

POLL = 0.1
"""Seconds between two looks at whether the caller still wants the results."""


def send_in_parallel(
    options: EndpointOptions,
    requests: Sequence[Request[Result]],
    on_done: Callable[[int], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Result]:
    """The results of all requests, in order.

    The threads are daemons: after an error, or Ctrl-C, nothing waits for replies that are still to come.

    Args:
        on_done: called, in this thread, with the number of requests done.
        stop: whether the results are no longer wanted.

    Raises:
        InputError: the key is not set.
        CancelledError: `stop` says so.
        Exception: the first error of a request. No request is begun after it.
    """
    results: dict[int, Result] = {}
    ended = Event()
    todo: SimpleQueue[int] = SimpleQueue()
    outcomes: SimpleQueue[tuple[int, Future[Result]]] = SimpleQueue()
    for place in range(len(requests)):
        todo.put(place)

    def sleep(seconds: float) -> None:
        if ended.wait(seconds):
            raise CancelledError

    def work(client: "Client") -> None:
        while not ended.is_set():
            try:
                place = todo.get_nowait()
            except Empty:
                return
            outcome: Future[Result] = Future()
            try:
                outcome.set_result(requests[place](client, sleep))
            except BaseException as error:
                outcome.set_exception(error)
            outcomes.put((place, outcome))

    with connect(options) as client:
        for _ in range(min(options.concurrency, len(requests))):
            Thread(target=work, args=(client,), daemon=True).start()
        try:
            while len(results) < len(requests):
                if stop():
                    raise CancelledError
                try:
                    place, outcome = outcomes.get(timeout=POLL)
                except Empty:
                    continue
                results[place] = outcome.result()
                on_done(len(results))
        finally:
            ended.set()  # wakes threads that wait for their next try; queued requests are never begun
    return [results[place] for place in range(len(requests))]
